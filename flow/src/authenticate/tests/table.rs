//! The tokens, one a row: what a bad sender, a careless one and a good one send.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use super::world::{AUDIENCE, ISSUER, OIDC, Sign, World, b64, claims_base, merge, now_s, pem_body};
use aws_lc_rs::signature::KeyPair;

/// Name, token, verdict.
pub(super) type Row = (&'static str, String, Result<(), &'static str>);

#[rustfmt::skip]
pub(super) fn header_rows(w: &World) -> Vec<Row> {
    let kid = w.own.key_id();
    let good = merge(claims_base(ISSUER), json!({}));
    let oidc = merge(claims_base(OIDC), json!({}));
    let h = |alg: &str| json!({"alg": alg, "kid": kid}).to_string();
    let es = |alg: &str, kid: &str| json!({"alg": alg, "kid": kid}).to_string();
    let raw = |x: &'static [u8]| Sign::Raw(x);
    let public = w.own.public_pem().as_bytes();
    vec![
        ("plain", w.own_token(json!({}), json!({})), Ok(())),
        ("ES256 of the city's provider", w.token(&es("ES256", "oidc-1"), &oidc, Sign::Es256), Ok(())),
        ("access token by type", w.own_token(json!({"typ": "at+jwt"}), json!({})), Ok(())),
        ("no type", w.own_token(json!({"typ": null}), json!({})), Ok(())),
        ("alg none, no signature", w.token(&h("none"), &good, raw(b"")), Err("SB-1302")),
        ("alg None", w.token(&h("None"), &good, raw(b"")), Err("SB-1302")),
        ("alg NONE", w.token(&h("NONE"), &good, raw(b"")), Err("SB-1302")),
        ("alg none, signed", w.token(&h("none"), &good, Sign::Own), Err("SB-1302")),
        ("alg missing", w.own_token(json!({"alg": null}), json!({})), Err("SB-1302")),
        ("alg a number", w.own_token(json!({"alg": 1}), json!({})), Err("SB-1302")),
        ("alg in small letters", w.token(&h("eddsa"), &good, Sign::Own), Err("SB-1302")),
        ("HS256 with the public PEM", w.token(&h("HS256"), &good, Sign::Hmac(public)), Err("SB-1302")),
        ("HS256 with the public key", w.token(&h("HS256"), &good, Sign::Hmac(&pem_body(w.own.public_pem()))), Err("SB-1302")),
        ("RS256", w.token(&h("RS256"), &good, Sign::Own), Err("SB-1302")),
        ("ES384 on another curve", w.token(&es("ES384", "oidc-1"), &oidc, Sign::P384), Err("SB-1302")),
        ("ES256 said, P-384 signed", w.token(&es("ES256", "oidc-1"), &oidc, Sign::P384), Err("SB-1302")),
        ("EdDSA for the issuer with ES256", w.token(&es("EdDSA", "oidc-1"), &oidc, Sign::Own), Err("SB-1302")),
        ("ES256 for the issuer with EdDSA", w.token(&h("ES256"), &good, Sign::Es256), Err("SB-1302")),
        ("key of one issuer, name of the other", w.token(&es("ES256", "oidc-1"), &good, Sign::Es256), Err("SB-1302")),
        ("signed by a stranger", w.token(&h("EdDSA"), &good, Sign::Stranger), Err("SB-1302")),
        ("kid missing", w.own_token(json!({"kid": null}), json!({})), Err("SB-1302")),
        ("kid unknown", w.own_token(json!({"kid": "k-2"}), json!({})), Err("SB-1302")),
        ("kid empty", w.own_token(json!({"kid": ""}), json!({})), Err("SB-1302")),
        ("kid a path", w.own_token(json!({"kid": "../../etc/passwd"}), json!({})), Err("SB-1302")),
        ("kid a query", w.own_token(json!({"kid": "' OR 1=1 --"}), json!({})), Err("SB-1302")),
        ("kid a URL", w.own_token(json!({"kid": "https://evil.example/k"}), json!({})), Err("SB-1302")),
        ("kid a number", w.own_token(json!({"kid": 7}), json!({})), Err("SB-1302")),
        ("kid of a mebibyte", w.own_token(json!({"kid": "k".repeat(1 << 20)}), json!({})), Err("SB-1302")),
        ("kid twice", w.token(&format!(r#"{{"alg":"EdDSA","kid":"{kid}","kid":"{kid}"}}"#), &good, Sign::Own), Err("SB-1302")),
        ("crit", w.own_token(json!({"crit": ["exp"], "exp": 1}), json!({})), Err("SB-1302")),
        ("crit empty", w.own_token(json!({"crit": []}), json!({})), Err("SB-1302")),
        ("crit b64", w.own_token(json!({"crit": ["b64"], "b64": false}), json!({})), Err("SB-1302")),
        ("encrypted", w.own_token(json!({"enc": "A128GCM"}), json!({})), Err("SB-1302")),
        ("packed", w.own_token(json!({"zip": "DEF"}), json!({})), Err("SB-1302")),
        ("a proof token", w.own_token(json!({"typ": "dpop+jwt"}), json!({})), Err("SB-1302")),
        ("jku is ignored", w.own_token(json!({"jku": "https://evil.example/jwks"}), json!({})), Ok(())),
        ("x5u is ignored", w.own_token(json!({"x5u": "https://evil.example/x"}), json!({})), Ok(())),
        ("x5c is ignored", w.own_token(json!({"x5c": ["AAAA"]}), json!({})), Ok(())),
        ("jku does not vouch", w.token(&merge(json!({"alg": "EdDSA", "kid": kid}), json!({"jku": "https://evil.example/jwks"})), &good, Sign::Stranger), Err("SB-1302")),
        ("jwk does not vouch", w.token(&json!({"alg": "EdDSA", "kid": kid, "jwk": stranger_jwk(w)}).to_string(), &good, Sign::Stranger), Err("SB-1302")),
        ("jwk without kid", w.token(&json!({"alg": "EdDSA", "jwk": stranger_jwk(w)}).to_string(), &good, Sign::Stranger), Err("SB-1302")),
        ("header no JSON", w.token("{", &good, Sign::Own), Err("SB-1302")),
        ("header a list", w.token("[]", &good, Sign::Own), Err("SB-1302")),
    ]
}

fn stranger_jwk(w: &World) -> Value {
    json!({"kty": "OKP", "crv": "Ed25519", "x": b64(w.stranger.public_key().as_ref())})
}

#[rustfmt::skip]
pub(super) fn claim_rows(w: &World) -> Vec<Row> {
    let t = |claims: Value| w.own_token(json!({}), claims);
    let kid = w.own.key_id();
    let header = json!({"alg": "EdDSA", "kid": kid}).to_string();
    let twice = format!(
        r#"{{"iss":"{ISSUER}","aud":"{AUDIENCE}","sub":"ngn/leitwarte","sub":"fb37/leitstelle","exp":{}}}"#,
        now_s() + 60
    );
    let now = now_s();
    vec![
        ("exp missing", t(json!({"exp": null})), Err("SB-1303")),
        ("exp past", t(json!({"exp": now - 31 - 5})), Err("SB-1303")),
        ("exp past within the leeway", t(json!({"exp": now - 20})), Ok(())),
        ("exp with a fraction", t(json!({"exp": now as f64 + 600.5})), Err("SB-1303")),
        ("exp huge float", t(json!({"exp": 1e300})), Err("SB-1303")),
        ("exp a string", t(json!({"exp": (now + 600).to_string()})), Err("SB-1303")),
        ("exp negative", t(json!({"exp": -1})), Err("SB-1303")),
        ("exp zero", t(json!({"exp": 0})), Err("SB-1303")),
        ("exp 2^63", t(json!({"exp": 1_u64 << 63})), Err("SB-1303")),
        ("exp 2^64-1", t(json!({"exp": u64::MAX})), Err("SB-1303")),
        ("exp a list", t(json!({"exp": [now + 600]})), Err("SB-1302")),
        ("nbf future", t(json!({"nbf": now + 90})), Err("SB-1303")),
        ("nbf future within the leeway", t(json!({"nbf": now + 10})), Ok(())),
        ("nbf past", t(json!({"nbf": now - 90})), Ok(())),
        ("nbf a string", t(json!({"nbf": "0"})), Err("SB-1303")),
        ("nbf with a fraction", t(json!({"nbf": now as f64 - 90.5})), Err("SB-1303")),
        ("iat future", t(json!({"iat": now + 90})), Err("SB-1303")),
        ("iat missing", t(json!({"iat": null})), Ok(())),
        ("iat negative", t(json!({"iat": -5})), Err("SB-1303")),
        ("aud missing", t(json!({"aud": null})), Err("SB-1304")),
        ("aud other", t(json!({"aud": "stadtbus-viersen"})), Err("SB-1304")),
        ("aud a list with it", t(json!({"aud": ["x", AUDIENCE]})), Ok(())),
        ("aud a list without", t(json!({"aud": ["x", "y"]})), Err("SB-1304")),
        ("aud an empty list", t(json!({"aud": []})), Err("SB-1304")),
        ("aud empty", t(json!({"aud": ""})), Err("SB-1304")),
        ("aud a number", t(json!({"aud": 5})), Err("SB-1304")),
        ("aud longer", t(json!({"aud": format!("{AUDIENCE}x")})), Err("SB-1304")),
        ("aud in capitals", t(json!({"aud": AUDIENCE.to_uppercase()})), Err("SB-1304")),
        ("iss missing", t(json!({"iss": null})), Err("SB-1304")),
        ("iss other", t(json!({"iss": "https://evil.example"})), Err("SB-1304")),
        ("iss with a slash more", t(json!({"iss": format!("{ISSUER}/")})), Err("SB-1304")),
        ("iss a list", t(json!({"iss": [ISSUER, "https://evil.example"]})), Err("SB-1304")),
        ("sub missing", t(json!({"sub": null})), Err("SB-1307")),
        ("sub without system", t(json!({"sub": "ngn"})), Err("SB-1307")),
        ("sub with empty system", t(json!({"sub": "ngn/"})), Err("SB-1307")),
        ("sub with three parts", t(json!({"sub": "ngn/leitwarte/x"})), Err("SB-1307")),
        ("sub in capitals", t(json!({"sub": "NGN/leitwarte"})), Err("SB-1307")),
        ("sub with a wildcard", t(json!({"sub": "*/leitwarte"})), Err("SB-1307")),
        ("sub a number", t(json!({"sub": 1})), Err("SB-1302")),
        ("claim twice", w.token(&header, &twice, Sign::Own), Err("SB-1302")),
        ("claims no object", w.token(&header, "[]", Sign::Own), Err("SB-1302")),
        ("claims no JSON", w.token(&header, "nonsense", Sign::Own), Err("SB-1302")),
        ("scope a list", t(json!({"scope": ["publish"]})), Err("SB-1302")),
        ("jti empty", t(json!({"jti": ""})), Err("SB-1302")),
        ("jti with a line break", t(json!({"jti": "a\nb"})), Err("SB-1302")),
        ("jti missing", t(json!({"jti": null})), Ok(())),
    ]
}

#[rustfmt::skip]
pub(super) fn form_rows(w: &World) -> Vec<Row> {
    let good = w.own_token(json!({}), json!({}));
    let (message, signature) = good
        .rsplit_once('.')
        .map(|(m, s)| (m.to_owned(), s.to_owned()))
        .unwrap();
    let mut flipped = URL_SAFE_NO_PAD
        .decode(&signature)
        .unwrap();
    flipped[10] ^= 1;
    // The last letter of 64 bytes carries four unused bits; another letter means the same bytes to a careless reader.
    let last = signature.chars().last().unwrap();
    let alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let sloppy = alphabet.chars().nth(alphabet.find(last).unwrap() + 1).unwrap();
    let other = w.own_token(json!({}), json!({"sub": "fb37/leitstelle"}));
    let other_claims = other.split('.').nth(1).unwrap().to_owned();
    let parts: Vec<&str> = good.split('.').collect();
    vec![
        ("empty", String::new(), Err("SB-1301")),
        ("one part", parts[0].into(), Err("SB-1302")),
        ("two parts", message.clone(), Err("SB-1302")),
        ("four parts", format!("{good}.x"), Err("SB-1302")),
        ("five parts", format!("{good}.x.y"), Err("SB-1302")),
        ("only dots", "..".into(), Err("SB-1302")),
        ("trailing dot", format!("{good}."), Err("SB-1302")),
        ("blank inside", good.replacen('.', ". ", 1), Err("SB-1302")),
        ("tab inside", good.replacen('.', "\t.", 1), Err("SB-1302")),
        ("bytes behind", format!("{good}AAAA"), Err("SB-1302")),
        ("no ASCII", format!("{good}ä"), Err("SB-1302")),
        ("padded", format!("{good}=="), Err("SB-1302")),
        ("standard alphabet", format!("{message}.++//"), Err("SB-1302")),
        ("sloppy last letter", format!("{message}.{}{sloppy}", &signature[..signature.len() - 1]), Err("SB-1302")),
        ("signature empty", format!("{message}."), Err("SB-1302")),
        ("signature cut", format!("{message}.{}", &signature[..signature.len() - 4]), Err("SB-1302")),
        ("signature with one bit changed", format!("{message}.{}", b64(&flipped)), Err("SB-1302")),
        ("signature of nothing but zeros", format!("{message}.{}", b64(&[0; 64])), Err("SB-1302")),
        ("claims of another", format!("{}.{other_claims}.{}", parts[0], parts[2]), Err("SB-1302")),
        ("longer than 8 KiB", w.own_token(json!({}), json!({"x": "x".repeat(8192)})), Err("SB-1302")),
        ("nearly 8 KiB", w.own_token(json!({}), json!({"x": "x".repeat(5500)})), Ok(())),
    ]
}
