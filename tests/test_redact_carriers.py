"""Secrets in every form in which logs, headers, files and pages carry them, and texts that must stay."""

import html
import json
from urllib.parse import quote

from worlds.together import together

from watchme_analysis.present.display import LinksView, TableView, TextView
from watchme_analysis.present.markdown import markdown_table
from watchme_analysis.redact import redacted, redacted_values

VALUES = ["hunter2", "S3cr3t-Passw0rd", "p/w+9z=", "correct7horse", "ab12cd34ef56ab12cd34ef56ab12cd34"]
NAMES = ["password", "DB_PASSWORD", "api_key", "clientSecret", "パスワード", "access_token"]


def escaped(text):
    """Return a text with every character as an escape of JSON."""
    return "".join(f"\\u{ord(character):04x}" for character in text)


def percent(text):
    """Return a text with every byte percent-encoded, also where it need not be."""
    return "".join(f"%{byte:02X}" for byte in text.encode())


# How a name and its value are written; the marker around it must stay.
CARRIERS = {
    "JSON": lambda name, value: json.dumps({"a": 1, name: value}, ensure_ascii=False),
    "JSON in ASCII": lambda name, value: json.dumps({"a": 1, name: value}),
    "JSON within JSON": lambda name, value: json.dumps({"body": json.dumps({name: value})}),
    "JSON within JSON within JSON": lambda name, value: json.dumps([json.dumps([json.dumps({name: value})])]),
    "escaped name": lambda name, value: f'{{"{escaped(name)}": "{value}"}}',
    "query string": lambda name, value: (
        f"GET /login?a=1&{quote(name)}={quote(value, safe='')}&page=2 HTTP/1.1"
    ),
    "percent-encoded name": lambda name, value: f"GET /login?{percent(name)}={value}&page=2 HTTP/1.1",
    "query within a query": lambda name, value: f"/to?next={quote(f'/login?{name}={value}', safe='')}&page=2",
    "form": lambda name, value: f"user=anna&{name}={value}",
    "environment of a container": lambda name, value: json.dumps([{"name": name, "value": value}]),
    "parameters of a stack": lambda name, value: json.dumps(
        [{"ParameterKey": name, "ParameterValue": value}]
    ),
    "fields in the other order": lambda name, value: json.dumps({"value": value, "name": name}),
    "fields within JSON": lambda name, value: json.dumps({"body": json.dumps({"key": name, "value": value})}),
    "YAML list of variables": lambda name, value: (
        f"env:\n  - name: {name}\n    value: {value}\n  - name: MODE\n"
    ),
    "YAML": lambda name, value: f"environment:\n  {name}: {value}\n  MODE: test\n",
    "YAML in quotes": lambda name, value: f"environment:\n  {name}: '{value}'\n  MODE: test\n",
    "env file": lambda name, value: f"MODE=test\n{name}={value}\nZONE=UTC\n",
    "shell": lambda name, value: f'export {name}="{value}"; run',
    "arguments": lambda name, value: f"run MODE=test {name}={value} --fast",
    "shorthand of a command line": lambda name, value: f"aws x --env name={name},value={value} --fast",
    "Python source": lambda name, value: f"    config[{name!r}] = {value!r}  # set",
    "Terraform": lambda name, value: f'  name  = "{name}"\n  value = "{value}"\n',
    "scheme": lambda name, value: f"{name}=Bearer {value} & more",
    "Japanese text after": lambda name, value: f"{name}={value}を使用しました。次へ",
    "full-width": lambda name, value: f"{name}：{value}、次へ",
    "full-width equals sign": lambda name, value: f"接続 {name}＝{value} 次へ",
    "Japanese quotation": lambda name, value: f"{name}は「{value}」です。",
}


def test_no_carrier_shows_a_secret():
    shown = {
        (carrier, name, value): redacted(write(name, value))
        for carrier, write in CARRIERS.items()
        for name in NAMES
        for value in VALUES
        # An equals sign begins a parameter of its own within a form and a command.
        if not ("=" in value and carrier in ("percent-encoded name", "form", "query within a query"))
    }
    left = {key: text for key, text in shown.items() if key[2] in text or quote(key[2], safe="") in text}
    assert left == {}
    again = {key: text for key, text in shown.items() if redacted(text) != text}
    assert again == {}
    unmasked = {key: text for key, text in shown.items() if "***" not in text}
    assert unmasked == {}


def test_what_stands_around_a_secret_stays():
    for carrier, write in CARRIERS.items():
        for marker in ("page=2", "MODE", "次へ", "--fast", "です", "# set"):
            if marker in write("password", "hunter2"):
                assert marker in redacted(write("password", "hunter2")), carrier


@together(
    ("text", "shown"),
    [
        ('Cookie: sid="abc def"; theme="dark x"', "Cookie: ***"),
        ("curl -H 'Cookie: sid=\"abc\"; t=1' -H 'Host: a'", "curl -H 'Cookie: ***' -H 'Host: a'"),
        ('curl -H "Cookie: sid=abc" -H "Host: a"', 'curl -H "Cookie: ***" -H "Host: a"'),
        ('["Cookie: sid=abc", "Host: a"]', '["Cookie: ***", "Host: a"]'),
        (
            'Authorization: Digest username="Mufasa", realm="x", nc=00000001, response="6629fae4"\nHost: a',
            "Authorization: ***\nHost: a",
        ),
        (
            json.dumps({"log": 'Authorization: Digest username="Mufasa", response="6629fae4"'}),
            '{"log": "Authorization: ***"}',
        ),
        (
            "Authorization: AWS4-HMAC-SHA256 Credential=AKIDX/20251211/x, SignedHeaders=host, Signature=fe5f",
            "Authorization: ***",
        ),
        ("curl -u anna:hunter2 https://a.example", "curl -u anna:*** https://a.example"),
        ("curl -s --user 'anna:my pw' x", "curl -s --user 'anna:***' x"),
        ("curl -uanna:hunter2 x", "curl -uanna:*** x"),
        ('["curl", "-u", "anna:hunter2", "x"]', '["curl", "-u", "anna:***", "x"]'),
        ("curl --proxy-user=anna:hunter2 x", "curl --proxy-user=anna:*** x"),
        ("docker run -u 1000:1000 image; docker run -u node:node x", None),
        ("sent Bearer s3cr3t7 to it", "sent Bearer *** to it"),
        ("Basic dXNlcjpwdw==", "Basic ***"),
        ("鍵AKIAIOSFODNN7EXAMPLEを使用", "鍵***を使用"),
        ("送信先anna@example.comに送信", "送信先***@example.comに送信"),
        ("パスワードはhunter22です", "パスワードは***です"),
        ("APIキー：abc123def", "APIキー：***"),
        ("トークン: abc123def、期限切れ", "トークン: ***、期限切れ"),
        ("/x?pass%77ord=hunter2&y=1", "/x?pass%77ord=***&y=1"),
        ("/x?password=a%26b%3Dc&y=1", "/x?password=***&y=1"),
        ("/x%3Ftoken%253Dabc%2526y", "/x%3Ftoken%253D***%2526y"),
        (r'{"pass\u0077ord": "a\u0022b", "x": 1}', r'{"pass\u0077ord": "***", "x": 1}'),
        ('"ｐａｓｓｗｏｒｄ"："x1"', '"ｐａｓｓｗｏｒｄ"："***"'),
    ],
)  # fmt: skip
def test_headers_options_and_escapes(text, shown):
    assert redacted(text) == (text if shown is None else shown)


# Texts of source code, configurations, logs and Japanese prose that name secrets and hold none.
INNOCENT = [
    "key = device_id",
    "item_keys = ['device_id', 'recorded_at']",
    "partition_key: device_id",
    "PK = f'{device_id}#{local_date}'",
    '{"name": "key", "value": "audio/2025-12-11/a.wav"}',
    '{"Key": "Name", "Value": "asr-worker"}',
    '{"name": "visible", "value": 12, "unit": "Count"}',
    "name: asr-worker, value: 12",
    "env:\n  - name: DB_PASSWORD\n    valueFrom:\n      secretKeyRef: db\n",
    "npm_config_registry=https://packages.example.com/",
    "npm_package_version and npm_lifecycle_event",
    "hf_model_name_or_path_of_the_transcriber",
    "sk-learn, task-force-of-2025-and-more",
    "s.ThisIsTheNameOfAnAttribute",
    "def login(password: str, token: str) -> None:",
    'password=os.environ["DB_PASSWORD"]',
    "password=${DB_PASSWORD}",
    "パスワードは必須です",
    "パスワードは8文字以上で入力してください",
    "パスワード：必須",
    "トークン数：12",
    "トークンが不正です",
    "認証情報が見つかりません",
    "キーの数は3です",
    "at 95% of 12, 30%25 or %d of %s",
    "C:\\users\\u1234\\x \\u30b9\\u30ed\\u30c3\\u30c8",
    "GET /%E3%83%91%E3%82%B9/x?page=2 HTTP/1.1",
    "START RequestId: 8f5f6f9c-0d2f-4d1c-9a1e-2f3b4c5d6e7f Version: $LATEST",
    "REPORT RequestId: x Duration: 26011.10 ms Billed Duration: 26012 ms Max Memory Used: 93 MB",
    "arn:aws:sqs:ap-southeast-2:123456789012:asr-queue",
    "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "Root=1-5759e988-bd862e3fe1be46a994272793;Sampled=1",
    "curl -f http://localhost:8017/health || exit 1",
    "cookie-less request, authorization is missing",
    "Cache-Control: private, max-age=0",
    "the signature of the function is f(a: int)",
]


def test_texts_without_secrets_stay_unchanged():
    assert {text: redacted(text) for text in INNOCENT if redacted(text) != text} == {}


def test_fields_of_a_variable_and_keys_are_masked():
    value = {
        "env": [{"Name": "DB_PASSWORD", "Value": "x"}, {"name": "MODE", "value": "x"}],
        "by_path": {"/reset/anna@example.com": 1, "/reset/bert@example.com": 2},
    }
    assert redacted_values(value) == {
        "env": [{"Name": "DB_PASSWORD", "Value": "***"}, {"name": "MODE", "value": "x"}],
        "by_path": {"/reset/***@example.com": 1, "/reset/***@example.com*": 2},
    }


def test_headings_and_captions_show_no_secret_and_name_those_of_their_columns():
    secret = "token=s3cr3t"
    shown = TableView(
        f"Requests with {secret}",
        ("user", "DB_PASSWORD", f"/x?{secret}", "tokens"),
        (("anna", "hunter2", "5", "12"), ("bert", "–", "6", "13")),
        f"Note {secret}",
    )
    for text in (shown.to_html(), shown.to_text(), markdown_table(shown).replace("\\", "")):
        assert "s3cr3t" not in text
        assert "hunter2" not in text
        assert all(word in text for word in ("DB_PASSWORD", "anna", "–", "12", "6"))
    for view in (LinksView(secret, ((secret, "https://a.example"),), ""), TextView((secret,), (secret,))):
        assert not any("s3cr3t" in text for text in view._repr_mimebundle_().values())
    assert "s3cr3t" not in html.unescape(TableView(secret, ("a",), (), secret).to_html())
