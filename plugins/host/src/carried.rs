//! What a component carries about itself, in custom sections: what it is made of (CycloneDX) and its licence (SPDX).
//!
//! They are part of the component, so its digest and its signature cover them, and wherever the component goes they go, too.
//! Nothing of them is run or trusted; they are read for people who decide.

use serde_json::Value;
use wasmparser::{Parser, Payload};

use crate::error::PluginError;
use crate::shape::leb128;

/// Section of the bill of materials: CycloneDX as JSON.
const SBOM: &str = "cyclonedx";
/// Section of the licence: an SPDX expression. The name is the one that other tools use, too.
const LICENSES: &str = "licenses";
/// The largest bill of materials that is read, in bytes.
pub const SBOM_BYTES_MAX: usize = 1 << 20;
/// The longest licence expression, in bytes.
const LICENSE_BYTES_MAX: usize = 1_000;

/// What a component says about itself.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Carried {
    /// Its bill of materials, CycloneDX.
    pub sbom: Option<Value>,
    /// Its licence, an SPDX expression.
    pub license: Option<String>,
}

impl Carried {
    /// Reads what a component carries; what cannot be read counts as absent.
    ///
    /// # Errors
    /// SB-4001 if it is no component.
    pub fn of(component: &[u8]) -> Result<Self, PluginError> {
        let mut carried = Self::default();
        let mut depth = 0_u32;
        for payload in Parser::new(0).parse_all(component) {
            let payload =
                payload.map_err(|_| PluginError::new("SB-4001", "this is not a WebAssembly component"))?;
            match &payload {
                Payload::Version { .. } => depth += 1,
                Payload::End(_) => depth = depth.saturating_sub(1),
                // What a nested module carries is about that module.
                Payload::CustomSection(section) if depth == 1 => {
                    let data = section.data();
                    match section.name() {
                        SBOM if data.len() <= SBOM_BYTES_MAX => {
                            carried.sbom = serde_json::from_slice(data).ok();
                        }
                        LICENSES if data.len() <= LICENSE_BYTES_MAX => {
                            carried.license = String::from_utf8(data.to_vec()).ok();
                        }
                        _ => {}
                    }
                }
                _ => {}
            }
        }
        Ok(carried)
    }

    /// The component with this in it.
    ///
    /// # Errors
    /// SB-5011 if the bill of materials is too large.
    pub(crate) fn into_component(self, mut component: Vec<u8>) -> Result<Vec<u8>, PluginError> {
        if let Some(sbom) = &self.sbom {
            let text = sbom.to_string();
            if text.len() > SBOM_BYTES_MAX {
                let detail = format!("the bill of materials has more than {SBOM_BYTES_MAX} bytes");
                return Err(PluginError::new("SB-5011", detail));
            }
            append(&mut component, SBOM, text.as_bytes());
        }
        if let Some(license) = &self.license {
            append(&mut component, LICENSES, license.as_bytes());
        }
        Ok(component)
    }
}

fn append(component: &mut Vec<u8>, name: &str, data: &[u8]) {
    let mut content = Vec::with_capacity(name.len() + data.len() + 5);
    leb128(name.len(), &mut content);
    content.extend_from_slice(name.as_bytes());
    content.extend_from_slice(data);
    component.push(0);
    leb128(content.len(), component);
    component.extend_from_slice(&content);
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_a_component_carries_is_read_again_and_it_stays_a_component() {
        let plain = wat::parse_str("(component (core module (@custom \"licenses\" \"GPL-2.0\")))").unwrap();
        assert_eq!(Carried::of(&plain).unwrap(), Carried::default());
        let carried = Carried {
            sbom: Some(json!({"bomFormat": "CycloneDX", "filler": "x".repeat(300)})),
            license: Some("EUPL-1.2".to_owned()),
        };
        let loaded = carried.clone().into_component(plain).unwrap();
        assert_eq!(Carried::of(&loaded).unwrap(), carried);
        wasmparser::Validator::new().validate_all(&loaded).unwrap();
        assert_eq!(Carried::of(b"nothing").unwrap_err().code, "SB-4001");
    }
}
