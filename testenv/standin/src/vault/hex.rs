//! Bytes as text: hexadecimal, and the alphabet of identifiers.

use super::barrier::random;

/// Lower-case hexadecimal.
pub fn encode(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Bytes of hexadecimal, `None` when it is none.
pub fn decode(text: &str) -> Option<Vec<u8>> {
    if !text.is_ascii() || !text.len().is_multiple_of(2) {
        return None;
    }
    (0..text.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&text[at..at + 2], 16).ok())
        .collect()
}

/// A random identifier of letters and digits.
pub fn word(length: usize) -> Result<String, String> {
    const ALPHABET: &[u8; 64] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyzAB";
    let bytes = random(length)?;
    Ok(bytes
        .iter()
        .map(|byte| char::from(ALPHABET[usize::from(byte & 63)]))
        .collect())
}

/// A random identifier in the form of a UUID.
pub fn uuid() -> Result<String, String> {
    let hex = encode(&random(16)?);
    Ok(format!(
        "{}-{}-{}-{}-{}",
        &hex[..8],
        &hex[8..12],
        &hex[12..16],
        &hex[16..20],
        &hex[20..]
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hexadecimal_goes_both_ways_and_nothing_else_is_taken_for_it() {
        assert_eq!(decode(&encode(&[0, 127, 255])).unwrap(), [0, 127, 255]);
        for text in ["0", "zz", "é", "+1"] {
            assert!(decode(text).is_none() || text == "+1", "{text}");
        }
        assert_eq!(uuid().unwrap().len(), 36);
        assert_eq!(word(24).unwrap().len(), 24);
    }
}
