"""Identities become stand-ins of the same shape, the same one everywhere."""

import json
from time import process_time

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
        ("from fe80::1ff:fe23:4567:890a%eth0, ::ffff:192.0.2.7", "from 2001:db8::1%eth0, ::ffff:198.18.0.2"),
        ("2001:0db8:85a3:0000:0000:8a2e:0370:7334", "2001:db8::1"),
        ("mac 00:1B:44:11:3a:b7, 00-1b-44-11-3a-b7", "mac 02:00:00:00:00:01, 02:00:00:00:00:02"),
        ("on i-0abcd1234ef567890 and i-1a2b3c4d", "on i-00000000000000001 and i-00000000000000002"),
        ("+81 90-1234-5678, 090-1234-5678, 09012345678", "phone-1, phone-2, phone-3"),
        ("(03) 1234-5678, (212) 555-0123, +12125550123", "phone-2, phone-3, phone-1"),
        ("paid by 4111 1111 1111 1111 or 378282246310005", "paid by card-1 or card-2"),
        ("電話番号は03-1234-5678です", "電話番号はphone-1です"),
        (
            "arn:aws:iam::123456789012:user/team/anna arn:aws:sts::123456789012:assumed-role/deploy/bert",
            "arn:aws:iam::000000000001:user/team/user-1 arn:aws:sts::000000000001:assumed-role/deploy/user-2",
        ),
    ],
)
def test_stand_ins_by_shape(text, shown):
    assert Redactor("ids").text(text) == shown
    assert Redactor("secrets").text(text) == text


@together(
    "text",
    [
        "at 2025-12-11T10:10:30+09:00, 1765535634609 ms, 1765535634609123 us",
        "message 18849496460467696128 of 4111111111111112",  # a sequence number; a wrong check digit
        "rows[::2] of std::vector, face::add, x[1::3], ::1",
        "00:00:00:00:00:00 and 25-12-11-10-10-30",
        "p50 +12 ms, +1234567, 09-12-2025, 200 504 1234",
        "arn:aws:iam::aws:policy/x, role/deploy",
        "i-am, mi-fi, i-deadbee",
        "0.4111111111111111",
    ],
)
def test_numbers_that_name_nobody_stay(text):
    assert Redactor("ids").text(text) == text


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


def test_the_number_of_identities_does_not_slow_a_text_down():
    """With a hundred times as many names, a search for each of them takes a hundred times as long."""

    def seconds(count):
        names = {f"{number * 7919 % 100_003:05d}-{number}": "device" for number in range(count)}
        redactor = Redactor("ids", identities=names)
        known = list(names)[:: count // 200]
        texts = [f"Device {name} sent nothing to {number}-x; retry." for number, name in enumerate(known)]
        begun = process_time()
        found = [redactor.text(text) for text in texts]
        assert found[7] == "Device device-8 sent nothing to 7-x; retry."
        return process_time() - begun

    assert seconds(20_000) < 20 * max(seconds(200), 0.005)


def test_the_longest_name_that_stands_alone_is_replaced():
    names = ["kit", "kit-7", "kit-7.a", "kit-7.abc", "台所", *(f"{number}-x" for number in range(1000, 1100))]
    redactor = Redactor("ids", identities=dict.fromkeys(names, "device"))
    text = "kit kit-7 kit-7.a kit-7.ab kit-7.abcd kits akit 台所 1001-x 1001-xy kit-7kit"
    assert redactor.text(text) == (
        "device-1 device-2 device-3 device-2.ab device-2.abcd kits akit device-4 device-5 1001-xy "
        "device-1-7kit"
    )
