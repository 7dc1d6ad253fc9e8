"""Why a connection failed, in words that say what to do; what is not understood stays as it was said."""

import pytest

from edge.line.reasons import explain


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("[SSL: SSLV3_ALERT_CERTIFICATE_EXPIRED] sslv3 alert certificate expired", "line.cert has expired"),
        ("[SSL: TLSV1_ALERT_UNKNOWN_CA] tlsv1 alert unknown ca", "does not know the authority"),
        ("[SSL: SSLV3_ALERT_CERTIFICATE_REVOKED] sslv3 alert certificate revoked", "line.cert was revoked"),
        ("[SSL: SSLV3_ALERT_UNSUPPORTED_CERTIFICATE] sslv3 alert unsupported certificate", "it is not a client's"),
        ("[SSL: TLSV13_ALERT_CERTIFICATE_REQUIRED] tlsv13 alert certificate required", "wants a client certificate"),
        ("certificate verify failed: certificate has expired (_ssl.c:1006)", "the broker's certificate has expired"),
        ("certificate verify failed: certificate is not yet valid", "the broker's certificate is not valid yet"),
        ("certificate verify failed: Hostname mismatch, certificate is not valid for 'x'", "names another host"),
        ("certificate verify failed: self-signed certificate in chain", "was not issued by line.ca"),
        ("EOF occurred in violation of protocol (_ssl.c:2427)", "its log says why"),
    ],
)
def test_what_tls_says_is_put_in_words_with_the_original_and_advice(said, meant):
    text = explain(said)
    assert meant in text
    assert said in text
    assert text.endswith("check line.ca, line.cert, line.key, the broker's host name and the clock")


def test_other_failures_stay_as_they_are():
    assert explain("[Errno 111] Connection refused") == "[Errno 111] Connection refused"


def test_two_of_one_name_are_told_so():
    assert "is this station's name given twice?" in explain("the broker ended the connection: Session taken over")
