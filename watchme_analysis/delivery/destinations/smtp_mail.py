"""E-mail by SMTP: the first screen of the report in the message, and the page attached."""

from __future__ import annotations

import smtplib
import ssl
from collections.abc import Sequence
from email import policy
from email.message import EmailMessage
from email.utils import format_datetime
from html import escape
from typing import ClassVar

from watchme_analysis.delivery.content import Content
from watchme_analysis.delivery.destinations.base import PAGE_FORM, Delivery, DeliveryError, Sender
from watchme_analysis.report.folder import PAGE
from watchme_analysis.text.render import error_message

# Port on which the connection begins with TLS (RFC 8314).
_TLS_PORT = 465
# Mail servers refuse larger messages; the report is then only linked.
_MOST_BYTES = 7_000_000
# Lines end with CR LF, since servers refuse bare line feeds, and no server must know 8BITMIME (RFC 5321).
_POLICY = policy.SMTP.clone(cte_type="7bit")


class EmailSender(Sender):
    """Delivery by SMTP; without ``tls`` in the settings, that of the port."""

    timeout_s = 20.0
    form: ClassVar[str] = PAGE_FORM

    def send(self, delivery: Delivery) -> str:
        """Send the message; return its id."""
        mail = self.message(delivery)
        password = self.secret("password") if "password" in self.settings else None
        try:
            smtp = self._connected()
        except (OSError, smtplib.SMTPException) as error:
            raise self._unreachable(error) from error
        with smtp:
            refused = self._hand_over(smtp, mail, password)
        return str(mail["Message-ID"]) + (f" (refused: {', '.join(refused)})" if refused else "")

    def message(self, delivery: Delivery) -> EmailMessage:
        """Return the message; its id is that of the notice, and all of one incident are in one thread."""
        content, notice = delivery.content, delivery.notice
        domain = self.settings["from"].rpartition("@")[2]
        mail = EmailMessage(_POLICY)
        mail["Subject"] = " ".join(content.title.split())
        mail["From"], mail["To"] = self.settings["from"], ", ".join(self.settings["to"])
        mail["Date"] = format_datetime(notice.created_at)
        mail["Message-ID"] = f"<{notice.id}@{domain}>"
        mail["References"] = f"<{notice.thread}@{domain}>"
        mail["Auto-Submitted"] = "auto-generated"
        mail.set_content("\n".join(content.lines()) + "\n")
        mail.add_alternative(as_html(content), subtype="html")
        page = None if delivery.page is None else delivery.page / PAGE
        if page is not None and page.is_file() and page.stat().st_size <= _MOST_BYTES:
            mail.add_attachment(
                page.read_bytes(), maintype="text", subtype="html", filename=f"{page.parent.name}.html"
            )
        # Last, because each body that is set or added takes such headers from the message.
        mail["Content-Language"] = content.language
        return mail

    def _connected(self) -> smtplib.SMTP:
        host, _, port = self.settings["smtp"].rpartition(":")
        tls = self.settings.get("tls") or ("tls" if int(port) == _TLS_PORT else "starttls")
        context = ssl.create_default_context()
        if tls == "tls":
            return smtplib.SMTP_SSL(host, int(port), timeout=self.timeout_s, context=context)
        smtp = smtplib.SMTP(host, int(port), timeout=self.timeout_s)
        try:
            if tls == "starttls":
                smtp.starttls(context=context)
        except BaseException:
            smtp.close()
            raise
        return smtp

    def _unreachable(self, error: Exception) -> DeliveryError:
        place = self.settings["smtp"]
        if isinstance(error, ssl.SSLError):
            reason = error.reason or type(error).__name__
            said = error_message("error-mail-tls", place=place, reason=reason)
            return DeliveryError(said, is_temporary=True)
        if isinstance(error, smtplib.SMTPNotSupportedError):
            return DeliveryError(error_message("error-mail-no-starttls", place=place))
        if isinstance(error, TimeoutError):
            said = error_message("error-mail-silent", place=place, seconds=f"{self.timeout_s:g}")
            return DeliveryError(said, is_temporary=True)
        if isinstance(error, smtplib.SMTPResponseException):
            return _refusal(place, error.smtp_code)
        reason = getattr(error, "strerror", None) or type(error).__name__
        return DeliveryError(
            error_message("error-mail-unreachable", place=place, reason=reason), is_temporary=True
        )

    def _hand_over(self, smtp: smtplib.SMTP, mail: EmailMessage, password: str | None) -> list[str]:
        """Hand over the message; return the recipients that the server refused while it took others."""
        place, sender, refused = self.settings["smtp"], self.settings["from"], {}
        try:
            if password is not None:
                smtp.login(self.settings.get("user") or sender, password)
            smtp.ehlo_or_helo_if_needed()
            code, _ = smtp.mail(sender)
            if code != 250:
                raise _refusal(place, code)
            for recipient in self.settings["to"]:
                code, _ = smtp.rcpt(recipient)
                if code not in (250, 251):
                    refused[recipient] = code
            if len(refused) == len(self.settings["to"]):
                raise _refusal(place, min(refused.values()))
        except smtplib.SMTPAuthenticationError as error:
            raise DeliveryError(
                error_message("error-login-refused", place=place, code=error.smtp_code)
            ) from error
        except (OSError, smtplib.SMTPException) as error:
            raise self._unreachable(error) from error
        try:
            code, _ = smtp.data(mail.as_bytes())
        except smtplib.SMTPDataError as error:  # it refused before the message was sent
            raise _refusal(place, error.smtp_code) from error
        except (OSError, smtplib.SMTPException) as error:
            raise DeliveryError(
                error_message("error-mail-connection-broke", place=place), may_have_arrived=True
            ) from error
        if code != 250:
            raise _refusal(place, code)
        return list(refused)


def _refusal(place: str, code: int) -> DeliveryError:
    """Return the error for a response; codes from 400 to 499 are temporary (RFC 5321)."""
    return DeliveryError(
        error_message("error-mail-refused", place=place, code=code), is_temporary=400 <= code < 500
    )


def as_html(content: Content) -> str:
    """Return the first screen of a report as HTML for mail programs."""

    def paragraphs(texts: Sequence[str]) -> str:
        return "".join(f"<p>{escape(text)}</p>" for text in texts)

    changes = "".join(f"<p><b>{escape(text)}</b></p>" for text in content.changes)
    steps = f"<h2>{escape(content.steps_label)}</h2>{paragraphs(content.steps)}" if content.steps else ""
    rows = "".join(
        f'<tr><th align="left">{escape(name)}</th><td>{escape(value)}</td></tr>'
        for name, value in content.facts
    )
    link = (
        f'<p><a href="{escape(content.link, quote=True)}">{escape(content.link_label)}</a></p>'
        if content.link
        else ""
    )
    return (
        f'<!DOCTYPE html><html lang="{content.language}"><head><meta charset="utf-8">'
        f"<title>{escape(content.title)}</title></head><body><h1>{escape(content.title)}</h1>"
        f"{changes}<table>{rows}</table>{paragraphs(content.sentences)}{steps}{link}</body></html>\n"
    )
