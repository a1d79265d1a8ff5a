"""S3: the folder of reports as a static site, with links that are signed.

A small copy of the site is kept beside the state: the results of the reports, and empty files in place of
the pages. The index and the retention are made from it, so that the bucket is never listed as a whole. Every
step can be repeated: an object is replaced by the same object.
"""

from __future__ import annotations

import mimetypes
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, ClassVar

from watchme_analysis.cloudwatch.iam_policy import Grant, arn
from watchme_analysis.cloudwatch.session import Aws
from watchme_analysis.delivery.destinations.aws_calls import delivered
from watchme_analysis.delivery.destinations.base import (
    PAGE_FORM,
    SAMPLE_FILE,
    Delivery,
    DeliveryError,
    Sender,
    sample_text,
)
from watchme_analysis.delivery.destinations.files import Retention, copy_report, note_of, remove_report
from watchme_analysis.errors import ServiceError, WatchmeError
from watchme_analysis.report.folder import ABOUT, PAGE, RESULT, locked, prepare
from watchme_analysis.report.html_page import INDEX, write_index
from watchme_analysis.text.render import as_message, error_message
from watchme_analysis.window import parse_span

_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".json": "application/json",
    ".ipynb": "application/x-ipynb+json",
    ".md": "text/markdown; charset=utf-8",
    ".csv": "text/csv; charset=utf-8",
}
# Objects per DeleteObjects call.
_BATCH = 1000
# Folder of the small copies of sites, within the state of all systems.
_SITES = "sites"
# Longest time for which S3 accepts a signed link.
_LINK_VALID = "7d"


def prefix_of(settings: Mapping[str, Any]) -> str:
    """Return the prefix of the site in its bucket, which is empty or ends with a slash."""
    prefix = str(settings.get("prefix", "")).strip("/")
    return f"{prefix}/" if prefix else ""


class S3Sender(Sender):
    """Delivery of reports to a bucket."""

    form: ClassVar[str] = PAGE_FORM

    def _key(self, name: str) -> dict[str, str]:
        """Return bucket and key of an object of the site."""
        return {"Bucket": self.settings["bucket"], "Key": prefix_of(self.settings) + name}

    @classmethod
    def grants(cls, settings: Mapping[str, Any]) -> Iterable[Grant]:
        """Yield what IAM must allow."""
        bucket = f"arn:aws:s3:::{settings['bucket']}"
        objects = f"{bucket}/{prefix_of(settings)}*"
        yield Grant(("s3:GetObject", "s3:PutObject"), (objects,))
        if settings.get("keep"):
            yield Grant(("s3:DeleteObject",), (objects,))
            yield Grant(("s3:ListBucket",), (bucket,))
        if key := settings.get("kms_key"):
            yield Grant(("kms:Decrypt", "kms:GenerateDataKey"), (arn(key, f"kms:*:*:key/{key}"),))

    def send(self, delivery: Delivery) -> str:
        """Upload the report, remove old ones, and upload the index; return the address of the page."""
        if delivery.page is None:
            raise DeliveryError(error_message("error-no-report-delivered"))
        aws, name = self.aws_of(None), delivery.page.name
        copy = self.state / _SITES / self.name
        try:
            prepare(copy)
            # The page comes last, so that a link never leads to a report without its figures.
            for path in sorted(delivery.page.iterdir(), key=lambda path: path.name == PAGE):
                self._put(aws, f"{name}/{path.name}", path.read_bytes())
            self._put(aws, f"{name}/{ABOUT}", note_of(delivery))
            if not (copy / name / RESULT).is_file():
                # The result, and an empty file for each other one, to which the index links.
                copy_report(delivery.page, copy / name, note_of(delivery), only=(RESULT,))
            with locked(copy):
                for old in Retention.of(self.settings).expired(copy, delivery):
                    self._delete(aws, old)
                    remove_report(copy / old)
            self._put(aws, INDEX, write_index(copy, delivery.content.language).read_bytes())
        except OSError as error:
            raise DeliveryError(
                error_message("error-site-copy-unwritable", folder=copy, reason=error), is_temporary=True
            ) from error
        except DeliveryError:
            raise
        except WatchmeError as error:
            raise DeliveryError(as_message(error)) from error
        page = self._key(f"{name}/{PAGE}")
        return f"s3://{page['Bucket']}/{page['Key']}"

    def send_sample(self, delivery: Delivery) -> str:
        """Upload the file of the sample; return its address."""
        self._put(self.aws_of(None), SAMPLE_FILE, sample_text(delivery))
        where = self._key(SAMPLE_FILE)
        return f"s3://{where['Bucket']}/{where['Key']}"

    def link(self, delivery: Delivery) -> str | None:
        """Return a signed URL of the page."""
        if delivery.page is None:
            return None
        where = self._key(f"{delivery.page.name}/{PAGE}")
        try:
            client = self.aws_of(None).client("s3")
            stated = parse_span(self.settings.get("link_valid", _LINK_VALID))
            seconds = int(min(stated, parse_span(_LINK_VALID)).total_seconds())
            return str(client.generate_presigned_url("get_object", Params=where, ExpiresIn=seconds))
        except (ServiceError, ValueError):  # the message is more useful without a link than not at all
            return None

    def _put(self, aws: Aws, name: str, data: bytes) -> None:
        ending = Path(name).suffix
        encryption = {
            "ServerSideEncryption": self.settings.get("encryption"),
            "SSEKMSKeyId": self.settings.get("kms_key"),
        }
        kind = _TYPES.get(ending) or mimetypes.guess_type(name)[0] or "application/octet-stream"
        delivered(
            aws,
            "s3",
            "put_object",
            **self._key(name),
            Body=data,
            ContentType=kind,
            **{name: value for name, value in encryption.items() if value},
        )

    def _delete(self, aws: Aws, name: str) -> None:
        """Delete the objects of a report."""
        folder = self._key(f"{name}/")
        found: list[dict[str, Any]] = aws.items(
            "s3", "list_objects_v2", "Contents", Bucket=folder["Bucket"], Prefix=folder["Key"]
        )
        keys = [{"Key": each["Key"]} for each in found]
        for at in range(0, len(keys), _BATCH):
            batch = {"Objects": keys[at : at + _BATCH], "Quiet": True}
            delivered(aws, "s3", "delete_objects", Bucket=folder["Bucket"], Delete=batch)
