//! A value that must not be seen: keys, URLs with credentials, API keys.
//!
//! Takes any value that can be wiped, gives it back only through [`Secret::expose`], so that every use is
//! visible in a search. It never prints the value (`Debug` says `[redacted]`, there is no `Display` and no
//! `Serialize`) and wipes it when dropped. It does not protect against a core dump or swap.

use std::fmt;
use zeroize::Zeroize;

/// A secret value, wiped from memory when dropped.
#[derive(Clone)]
pub struct Secret<T: Zeroize>(T);

impl<T: Zeroize> Secret<T> {
    /// From here on the value is printed as `[redacted]`. The caller wipes copies it still holds.
    pub fn new(value: T) -> Self {
        Self(value)
    }

    /// The value itself: for handing to the library that needs it, never for a message.
    pub fn expose(&self) -> &T {
        &self.0
    }
}

impl<T: Zeroize> fmt::Debug for Secret<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("[redacted]")
    }
}

impl<T: Zeroize> Drop for Secret<T> {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

#[cfg(test)]
mod tests {
    use super::Secret;

    #[test]
    fn debug_never_shows_the_value() {
        let secret = Secret::new(String::from("redis://:hunter2@example"));
        assert_eq!(format!("{secret:?}"), "[redacted]");
        assert_eq!(format!("{:?}", Some(&secret)), "Some([redacted])");
        assert_eq!(secret.expose(), "redis://:hunter2@example");
    }
}
