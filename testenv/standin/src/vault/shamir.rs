//! Shamir's secret sharing over GF(256), a share being its values followed by its x coordinate.

use ring::rand::SecureRandom;

/// Splits a secret into `shares`, any `threshold` of which give it back.
pub fn split(
    secret: &[u8],
    shares: u8,
    threshold: u8,
    random: &dyn SecureRandom,
) -> Result<Vec<Vec<u8>>, String> {
    if threshold == 0 || threshold > shares {
        return Err("threshold cannot be larger than shares".to_owned());
    }
    let mut parts: Vec<Vec<u8>> = (1..=shares)
        .map(|_| Vec::with_capacity(secret.len() + 1))
        .collect();
    for byte in secret {
        let mut coefficients = vec![0; usize::from(threshold)];
        random
            .fill(&mut coefficients)
            .map_err(|_| "no randomness".to_owned())?;
        coefficients[0] = *byte;
        for (x, part) in (1..=shares).zip(&mut parts) {
            // Horner's rule, from the highest power down.
            part.push(
                coefficients
                    .iter()
                    .rev()
                    .fold(0, |sum, c| multiply(sum, x) ^ c),
            );
        }
    }
    for (x, part) in (1..=shares).zip(&mut parts) {
        part.push(x);
    }
    Ok(parts)
}

/// Interpolates at zero. Too few or foreign shares give another secret, not an error:
/// whoever asks must check what comes out.
pub fn combine(shares: &[Vec<u8>]) -> Result<Vec<u8>, String> {
    let length = shares.first().map_or(0, Vec::len);
    if length < 2 || shares.iter().any(|share| share.len() != length) {
        return Err("all parts must be the same length".to_owned());
    }
    let xs: Vec<u8> = shares.iter().map(|share| share[length - 1]).collect();
    for (at, x) in xs.iter().enumerate() {
        if *x == 0 || xs[..at].contains(x) {
            return Err("duplicate part detected".to_owned());
        }
    }
    let secret = (0..length - 1)
        .map(|byte| {
            shares.iter().zip(&xs).fold(0, |sum, (share, x)| {
                let basis = xs
                    .iter()
                    .filter(|other| *other != x)
                    .fold(1, |product, other| {
                        multiply(product, divide(*other, *other ^ x))
                    });
                sum ^ multiply(share[byte], basis)
            })
        })
        .collect();
    Ok(secret)
}

/// In the field of AES: x⁸ + x⁴ + x³ + x + 1.
fn multiply(mut a: u8, mut b: u8) -> u8 {
    let mut product = 0;
    while b != 0 {
        if b & 1 == 1 {
            product ^= a;
        }
        let carry = a & 0x80 != 0;
        a <<= 1;
        if carry {
            a ^= 0x1b;
        }
        b >>= 1;
    }
    product
}

/// By Fermat: the inverse of b is b to the power of 254.
fn divide(a: u8, b: u8) -> u8 {
    let inverse = (0..254).fold(1, |power, _| multiply(power, b));
    multiply(a, inverse)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ring::rand::SystemRandom;

    #[test]
    fn any_three_of_five_shares_give_the_secret_back() {
        let secret: Vec<u8> = (0..32).map(|i| i * 7).collect();
        let shares = split(&secret, 5, 3, &SystemRandom::new()).unwrap();
        assert!(shares.iter().all(|share| share.len() == 33));
        for (a, b, c) in [(0, 1, 2), (4, 2, 0), (1, 3, 4)] {
            let some = [shares[a].clone(), shares[b].clone(), shares[c].clone()];
            assert_eq!(combine(&some).unwrap(), secret);
        }
    }

    #[test]
    fn two_shares_of_three_and_a_forged_one_give_another_secret() {
        let secret = vec![42; 32];
        let mut shares = split(&secret, 5, 3, &SystemRandom::new()).unwrap();
        assert_ne!(combine(&shares[..2]).unwrap(), secret);
        shares[0][0] ^= 1;
        assert_ne!(combine(&shares[..3]).unwrap(), secret);
    }

    #[test]
    fn the_same_share_twice_and_shares_of_different_length_are_refused() {
        let shares = split(&[1, 2], 3, 2, &SystemRandom::new()).unwrap();
        assert!(combine(&[shares[0].clone(), shares[0].clone()]).is_err());
        assert!(combine(&[shares[0].clone(), vec![1, 2]]).is_err());
        assert!(combine(&[]).is_err());
    }

    #[test]
    fn multiplication_and_division_agree_over_the_whole_field() {
        for a in 0..=255 {
            for b in 1..=255 {
                assert_eq!(multiply(divide(a, b), b), a);
            }
        }
    }
}
