//! Findings of others: whoever knows more than a folder's documents say, such as a plugin of its own configuration, has
//! its finding placed where a person can go to.

use std::path::Path;

use super::gather;
use crate::finding::{Finding, Text};

/// An error about a place in one of a folder's documents. `object` is as findings name it (`subscription ngn-lage`,
/// `route ngn-stoerung`), `pointer` a JSON pointer into its document.
pub fn finding_in(
    folder: &Path,
    env: &dyn Fn(&str) -> Option<String>,
    (object, pointer): (&str, &str),
    code: &'static str,
    detail: Text,
) -> Finding {
    let (_, loader) = gather(folder, env);
    match loader.places.get(object) {
        Some((file, node)) => Finding::error(code, file.clone(), detail).at(node.nearest_to(pointer).at),
        None => Finding::error(code, object, detail),
    }
}
