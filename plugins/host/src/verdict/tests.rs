use super::*;

fn manifest(role: &str) -> Manifest {
    let types = match role {
        "decode" => "produces: [a.c.v1]",
        "encode" => "consumes: [a.b.v1]",
        _ => "consumes: [a.b.v1]\nproduces: [a.c.v1]",
    };
    Manifest::parse(&format!("plugin: p\npartner: ngn\nversion: 1.0.0\nrole: {role}\n{types}\nlimits: {{output_bytes_max: 1024, outputs_max: 2}}\n")).unwrap()
}

fn draft() -> Draft {
    Draft {
        ty: "a.c.v1".into(),
        ..Draft::default()
    }
}

fn code(
    manifest: &Manifest,
    verdict: Verdict,
    state: StateChange,
) -> Result<(Verdict, StateChange), &'static str> {
    let (mut verdict, mut state) = (verdict, state);
    check(manifest, &mut verdict, &mut state).map_err(|failure| failure.code)?;
    Ok((verdict, state))
}

fn one(change: impl FnOnce(&mut Draft)) -> Result<(Verdict, StateChange), &'static str> {
    let mut draft = draft();
    change(&mut draft);
    code(
        &manifest("transform"),
        Verdict::Events(vec![draft]),
        StateChange::Unchanged,
    )
}

#[test]
fn drafts_that_are_no_events_are_refused() {
    assert!(one(|_| {}).is_ok());
    assert_eq!(one(|d| d.ty = "a.other.v1".into()), Err("SB-4111"));
    assert_eq!(one(|d| d.time = Some("yesterday".into())), Err("SB-4107"));
    assert_eq!(one(|d| d.subject = Some(String::new())), Err("SB-4107"));
    assert_eq!(one(|d| d.key = Some(String::new())), Err("SB-4107"));
    assert_eq!(
        one(|d| d.extensions = vec![("Bad-Name".into(), "x".into())]),
        Err("SB-4107")
    );
    for host in ["id", "source", "causationid", "partner", "type"] {
        assert_eq!(
            one(|d| d.extensions = vec![(host.into(), "x".into())]),
            Err("SB-4107"),
            "{host}"
        );
    }
    assert_eq!(one(|d| d.data = Some(vec![b'1'; 2_000].into())), Err("SB-4105"));
    assert_eq!(
        code(
            &manifest("transform"),
            Verdict::Events(vec![draft(), draft(), draft()]),
            StateChange::Unchanged
        ),
        Err("SB-4105")
    );
}

#[test]
fn data_without_a_media_type_is_json() {
    let (verdict, _) = one(|d| d.data = Some("1".into())).unwrap();
    let Verdict::Events(drafts) = verdict else {
        panic!("{verdict:?}")
    };
    assert_eq!(drafts[0].datacontenttype.as_deref(), Some("application/json"));
}

#[test]
fn the_role_decides_what_may_be_answered() {
    let message = |content_type: &str, headers: &[(&str, &str)]| Verdict::Encoded {
        content_type: content_type.into(),
        body: bytes::Bytes::new(),
        headers: headers
            .iter()
            .map(|(name, value)| ((*name).into(), (*value).into()))
            .collect(),
    };
    let encoder = manifest("encode");
    assert!(
        code(
            &encoder,
            message("text/csv", &[("x-kind", "a")]),
            StateChange::Unchanged
        )
        .is_ok()
    );
    assert_eq!(
        code(
            &manifest("decode"),
            message("text/csv", &[]),
            StateChange::Unchanged
        ),
        Err("SB-4107")
    );
    assert_eq!(
        code(&encoder, Verdict::Events(vec![]), StateChange::Unchanged),
        Err("SB-4107")
    );
    for headers in [
        ("Host", "evil"),
        ("Authorization", "x"),
        ("ce-id", "x"),
        ("x\r\n", "x"),
        ("x", "a\r\nb"),
        ("", "x"),
    ] {
        assert_eq!(
            code(&encoder, message("text/csv", &[headers]), StateChange::Unchanged),
            Err("SB-4107"),
            "{headers:?}"
        );
    }
    assert_eq!(
        code(&encoder, message("text/csv\r\nx: y", &[]), StateChange::Unchanged),
        Err("SB-4107")
    );
}

#[test]
fn reasons_are_cleaned_and_a_rejection_keeps_state() {
    let stateful = Manifest::parse("plugin: p\npartner: ngn\nversion: 1.0.0\nrole: decode\nproduces: [a.c.v1]\nstate: {key: /id, bytes_max: 4}\n").unwrap();
    let reason = |code: &str, text: &str| Reason {
        code: code.into(),
        text: text.into(),
    };
    let (verdict, state) = code(
        &stateful,
        Verdict::Reject(reason("bad", "a\u{1b}[31mb\u{202e}")),
        StateChange::Put(vec![1]),
    )
    .unwrap();
    assert_eq!(verdict, Verdict::Reject(reason("bad", "a\u{fffd}[31mb\u{fffd}")));
    assert_eq!(state, StateChange::Unchanged);
    assert_eq!(
        code(
            &stateful,
            Verdict::Drop(reason("Not OK", "x")),
            StateChange::Unchanged
        ),
        Err("SB-4107")
    );
    assert!(
        code(
            &stateful,
            Verdict::Drop(reason("old", "x")),
            StateChange::Put(vec![1; 4])
        )
        .is_ok()
    );
    assert_eq!(
        code(
            &stateful,
            Verdict::Drop(reason("old", "x")),
            StateChange::Put(vec![1; 5])
        ),
        Err("SB-4110")
    );
    assert_eq!(
        code(
            &manifest("decode"),
            Verdict::Drop(reason("old", "x")),
            StateChange::Clear
        ),
        Err("SB-4110")
    );
}
