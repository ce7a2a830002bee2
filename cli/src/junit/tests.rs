#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

use super::*;

#[test]
fn junit_counts_escapes_and_keeps_suites_together() {
    let cases = [
        Case {
            micros: 1_500,
            ..Case::new("a", "ok <1> & \"2\"", None)
        },
        Case::new("a", "b", Some("expected <x>\nfound \u{1b}".to_owned())),
        Case::new("c", "d", None),
    ];
    let expected = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>
<testsuites name=\"stadtbus test\">
  <testsuite name=\"a\" tests=\"2\" failures=\"1\">
    <testcase classname=\"a\" name=\"ok &lt;1&gt; &amp; &quot;2&quot;\" time=\"0.001500\"/>
    <testcase classname=\"a\" name=\"b\" time=\"0.000000\"><failure message=\"expected &lt;x&gt;\">expected &lt;x&gt;
found \u{fffd}</failure></testcase>
  </testsuite>
  <testsuite name=\"c\" tests=\"1\" failures=\"0\">
    <testcase classname=\"c\" name=\"d\" time=\"0.000000\"/>
  </testsuite>
</testsuites>
";
    assert_eq!(xml(&cases), expected);
}
