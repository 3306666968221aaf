//! Ed25519 keys and signatures, as text that fits into a variable or a list.
//!
//! For: signing what other machines are to believe, and telling whether a signature is one of a key that is trusted.
//! Not for: what is signed (`remote`) or who is trusted (`spec`). Called by: `spec`, `remote`, `cli`.
//!
//! Both keys are base64. A public key has 32 bytes; a private one has 64, its seed and its public key, so that neither
//! is ever taken for the other.

use std::fmt;
use std::str::FromStr;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use ring::rand::{SecureRandom, SystemRandom};
use ring::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};

const PUBLIC_BYTES: usize = 32;
const SECRET_BYTES: usize = 64;

/// Text that is no key. It is never shown: it might be a secret with a slip in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// No public key.
    #[error("is no public key: 32 bytes in base64, as `segpipe cache keygen` prints them")]
    NotPublic,
    /// A private key where a public one belongs.
    #[error("is a private key; only the public one belongs here")]
    Secret,
    /// No private key.
    #[error("is no private key: 64 bytes in base64, as `segpipe cache keygen` prints them")]
    NotSecret,
    /// A public key where a private one belongs.
    #[error("is a public key; the private one belongs here")]
    Public,
    /// The two halves of a private key do not belong together.
    #[error("is a private key with a slip in it")]
    Mismatch,
    /// The system gives no random numbers.
    #[error("the system gives no random numbers")]
    NoRandomness,
}

/// Whose signatures are believed.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct PublicKey([u8; PUBLIC_BYTES]);

impl PublicKey {
    /// Whether `signature`, as [`SigningKey::sign`] gives it, is this key's for `message`.
    pub fn has_signed(&self, message: &[u8], signature: &str) -> bool {
        let Ok(signature) = BASE64_STANDARD.decode(signature) else { return false };
        UnparsedPublicKey::new(&ED25519, &self.0).verify(message, &signature).is_ok()
    }
}

impl FromStr for PublicKey {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, KeyError> {
        let bytes = BASE64_STANDARD.decode(text.trim()).map_err(|_| KeyError::NotPublic)?;
        match bytes.len() {
            SECRET_BYTES => Err(KeyError::Secret),
            _ => bytes.try_into().map(Self).map_err(|_| KeyError::NotPublic),
        }
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&BASE64_STANDARD.encode(self.0))
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

/// Signs.
pub struct SigningKey(Ed25519KeyPair);

impl SigningKey {
    /// A new pair: the text of the private key, and the public one.
    ///
    /// # Errors
    /// [`KeyError::NoRandomness`] where the system gives none.
    pub fn generate() -> Result<(String, PublicKey), KeyError> {
        let mut secret = [0; SECRET_BYTES];
        let (seed, rest) = secret.split_at_mut(PUBLIC_BYTES);
        SystemRandom::new().fill(seed).map_err(|_| KeyError::NoRandomness)?;
        let pair = Ed25519KeyPair::from_seed_unchecked(seed).map_err(|_| KeyError::NotSecret)?;
        rest.copy_from_slice(pair.public_key().as_ref());
        Ok((BASE64_STANDARD.encode(secret), Self(pair).public()))
    }

    /// The public key that goes with it.
    pub fn public(&self) -> PublicKey {
        let mut bytes = [0; PUBLIC_BYTES];
        bytes.copy_from_slice(self.0.public_key().as_ref());
        PublicKey(bytes)
    }

    /// The signature for `message`, in base64.
    pub fn sign(&self, message: &[u8]) -> String {
        BASE64_STANDARD.encode(self.0.sign(message))
    }
}

impl FromStr for SigningKey {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, KeyError> {
        let bytes = BASE64_STANDARD.decode(text.trim()).map_err(|_| KeyError::NotSecret)?;
        match bytes.len() {
            PUBLIC_BYTES => Err(KeyError::Public),
            SECRET_BYTES => {
                let (seed, public) = bytes.split_at(PUBLIC_BYTES);
                Ed25519KeyPair::from_seed_and_public_key(seed, public).map(Self).map_err(|_| KeyError::Mismatch)
            }
            _ => Err(KeyError::NotSecret),
        }
    }
}

/// Without the secret.
impl fmt::Debug for SigningKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("SigningKey").field(&self.public()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_is_believed_of_its_own_key_and_message_alone() {
        let (secret, public) = SigningKey::generate().unwrap();
        let (_, other) = SigningKey::generate().unwrap();
        let key: SigningKey = secret.parse().unwrap();
        assert_eq!(key.public(), public);
        let signature = key.sign(b"record");
        assert!(public.has_signed(b"record", &signature));
        assert!(!public.has_signed(b"recorD", &signature));
        assert!(!other.has_signed(b"record", &signature));
        assert!(!public.has_signed(b"record", "") && !public.has_signed(b"record", "?"));
    }

    #[test]
    fn keys_survive_their_text_and_are_never_taken_for_each_other() {
        let (secret, public) = SigningKey::generate().unwrap();
        assert_eq!(format!(" {public}\n").parse(), Ok(public));
        assert_eq!(secret.parse::<PublicKey>().unwrap_err(), KeyError::Secret);
        assert_eq!(public.to_string().parse::<SigningKey>().unwrap_err(), KeyError::Public);
        assert_eq!("nonsense".parse::<PublicKey>().unwrap_err(), KeyError::NotPublic);
        assert_eq!("nonsense".parse::<SigningKey>().unwrap_err(), KeyError::NotSecret);
    }

    #[test]
    fn a_private_key_with_a_slip_in_it_is_noticed() {
        let (secret, _) = SigningKey::generate().unwrap();
        let slipped = if secret.starts_with('A') { secret.replacen('A', "B", 1) } else { format!("A{}", &secret[1..]) };
        assert_eq!(slipped.parse::<SigningKey>().unwrap_err(), KeyError::Mismatch);
    }

    #[test]
    fn no_secret_is_in_what_is_logged() {
        let (secret, public) = SigningKey::generate().unwrap();
        let key: SigningKey = secret.parse().unwrap();
        let logged = format!("{key:?}");
        assert!(logged.contains(&public.to_string()) && !logged.contains(&secret[..20]), "{logged}");
    }
}
