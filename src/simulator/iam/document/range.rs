//! Where statements stand in a document, as a simulation's result says.
//!
//! Pure. Takes documents that are JSON.

use super::Range;

/// Where the statements stand: the value of `Statement`, or each element of it when it is a list.
pub(super) fn ranges(document: &str) -> Vec<Range> {
    let (mut line, mut column) = (1, 1);
    let (mut depth, mut in_text, mut escaped) = (0_usize, false, false);
    let (mut word, mut key) = (String::new(), String::new());
    let (mut starts, mut found) = (Vec::new(), Vec::new());
    for letter in document.chars() {
        let after = if letter == '\n' {
            (line + 1, 1)
        } else {
            (line, column + 1)
        };
        if in_text {
            match letter {
                _ if escaped => escaped = false,
                '\\' => escaped = true,
                '"' => in_text = false,
                other => word.push(other),
            }
        } else {
            match letter {
                '"' => {
                    in_text = true;
                    word.clear();
                }
                ':' if depth == 1 => key = word.clone(),
                '{' | '[' => {
                    starts.push((letter, line, column));
                    depth += 1;
                }
                '}' | ']' => {
                    depth = depth.saturating_sub(1);
                    let inside_list =
                        starts.len() == 3 && starts.get(1).is_some_and(|start| start.0 == '[');
                    let alone = starts.len() == 2 && letter == '}';
                    if let Some((_, line, column)) = starts.pop()
                        && key == "Statement"
                        && (inside_list || alone)
                    {
                        found.push(Range {
                            start: (line, column),
                            end: after,
                        });
                    }
                }
                _ => {}
            }
        }
        (line, column) = after;
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statements_stand_where_an_editor_shows_them() {
        // The document and the places of AWS's example of SimulateCustomPolicy.
        let one = "{\n  \"Version\": \"2012-10-17\",\n  \"Statement\": {\n    \"Effect\": \"Allow\",\n    \"Action\": \"s3:ListBucket\",\n    \"Resource\": \"arn:aws:s3:::{}\"\n  }\n}";
        assert_eq!(
            ranges(one),
            [Range {
                start: (3, 16),
                end: (7, 4)
            }]
        );
        let two = r#"{"Statement":[{"Condition":{"a":{}}},{"Action":["}"]}],"Id":"x"}"#;
        let columns: Vec<_> = ranges(two)
            .iter()
            .map(|range| (range.start.1, range.end.1))
            .collect();
        assert_eq!(columns, [(15, 37), (38, 54)]);
    }
}
