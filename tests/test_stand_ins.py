"""Identities become stand-ins of the same shape, the same one everywhere."""

import json

from worlds.together import together

from watchme_analysis.stand_ins import Redactor

UUID = "2a57dc6f-8079-4fb3-9f1d-08298c4d938b"


@together(
    ("text", "shown"),
    [
        (
            f"{UUID} {UUID.upper()}",
            "00000000-0000-4000-8000-000000000001 00000000-0000-4000-8000-000000000002",
        ),
        (f"{UUID}0", f"{UUID}0"),
        ("192.0.2.7 and 192.0.2.8, 192.0.2.7", "198.18.0.2 and 198.18.0.3, 198.18.0.2"),
        ("1.2.3.4.5 256.1.1.1", "1.2.3.4.5 256.1.1.1"),  # a version, and no address
        ("127.0.0.1 0.0.0.0 255.255.255.255", "127.0.0.1 0.0.0.0 255.255.255.255"),
        ("[2001:db8:0:1::7] at 10:00:00", "[2001:db8::1] at 10:00:00"),
        ("1:2:3:4:5:6:7:8", "2001:db8::1"),
        ("account 123456789012, 1234567890123", "account 000000000001, 1234567890123"),
        ("/home/anna/x /Users/bob C:\\Users\\carl\\x", "/home/user-1/x /Users/user-2 C:\\Users\\user-3\\x"),
        ("https://api.example.com/x", "https://host-1.example/x"),
        ("https://sqs.eu-west-1.amazonaws.com/x", "https://sqs.eu-west-1.amazonaws.com/x"),
        ("http://10.0.0.5/", "http://198.18.0.2/"),
    ],
)
def test_stand_ins_by_shape(text, shown):
    assert Redactor("ids").text(text) == shown
    assert Redactor("secrets").text(text) == text


def test_the_two_hundred_and_fiftieth_address():
    redactor = Redactor("ids")
    texts = [redactor.text(f"10.0.{number // 256}.{number % 256}") for number in range(250)]
    assert (texts[0], texts[248], texts[249]) == ("198.18.0.2", "198.18.0.250", "198.18.1.1")
    assert len(set(texts)) == 250


def test_a_stand_in_stays_as_it_is():
    redactor = Redactor("ids")
    shown = redactor.text(f"192.0.2.7 {UUID}")
    assert redactor.text(shown) == shown


def test_values_of_the_case_that_are_secret_or_name_somebody():
    secrets = ["hunter2", "short", "hunter2-longer"]
    identities = {
        "anna-pc": "host",
        "anna": "user",
        "a": "user",
        "1234": "device",
        "12345": "device",
        "-": "user",
    }
    redactor = Redactor("ids", secrets, identities)
    assert redactor.text("hunter2-longer xhunter2y short") == "*** x***y short"
    assert redactor.text("anna-pc of anna, annabel, a 1234 12345 -") == (
        "host-1.example of user-1, annabel, a 1234 device-1 -"
    )
    # At the first level, identities stay.
    assert Redactor("secrets", secrets, identities).text("hunter2 of anna") == "*** of anna"


def test_json_keeps_its_form():
    redactor = Redactor("ids")
    body = json.dumps({"password": "x", "ip": "192.0.2.7", "é": 1})
    value = {"body": body, "192.0.2.7": [123456789012, 12345678901, True, None, "192.0.2.7"]}
    found = json.loads(redactor.json_text(json.dumps(value)))
    assert json.loads(found["body"]) == {"password": "***", "ip": "198.18.0.2", "é": 1}
    assert found["198.18.0.2"] == ["000000000001", 12345678901, True, None, "198.18.0.2"]
    assert redactor.json_text('{"é": 1}') == '{"é": 1}'
    assert redactor.json_text("{token=abc") == "{token=***"
    assert Redactor("secrets").value([123456789012, ("token=abc",)]) == [123456789012, ["token=***"]]
    deep = "[" * 100_000
    assert redactor.json_text(deep) == deep
