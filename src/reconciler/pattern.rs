//! Wildcards as IAM's resources and the load balancer's host conditions have them.

/// `*` is any run of characters, `?` one. A mismatch goes back to the last star only, so that no pattern is slow.
pub fn matches(pattern: &str, text: &str) -> bool {
    let (pattern, text) = (pattern.as_bytes(), text.as_bytes());
    let (mut p, mut t) = (0, 0);
    let mut restart: Option<(usize, usize)> = None;
    while let Some(byte) = text.get(t) {
        match pattern.get(p) {
            Some(b'*') => {
                restart = Some((p + 1, t));
                p += 1;
            }
            Some(wanted) if wanted == byte || *wanted == b'?' => {
                p += 1;
                t += 1;
            }
            _ => {
                let Some((star, from)) = restart else {
                    return false;
                };
                restart = Some((star, from + 1));
                (p, t) = (star, from + 1);
            }
        }
    }
    pattern.iter().skip(p).all(|byte| *byte == b'*')
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn host_patterns_match_as_the_load_balancer_does() {
        let rows = [
            ("contracts.hokus.ai", "contracts.hokus.ai", true),
            ("*.hokus.ai", "contracts.hokus.ai", true),
            ("*", "contracts.hokus.ai", true),
            ("c?ntracts.*", "contracts.hokus.ai", true),
            ("*a*b*c", "xxaxxbxxbxxc", true),
            ("*a*b*c", "xxaxxbxxbxx", false),
            ("*.hokus.ai", "hokus.ai", false),
            ("contracts", "contracts.hokus.ai", false),
            ("", "contracts.hokus.ai", false),
        ];
        for (pattern, text, expected) in rows {
            assert_eq!(matches(pattern, text), expected, "{pattern} {text}");
        }
    }
}
