//! An XML reply as a tree of names and texts.
//!
//! What AWS sends and no more: attributes, namespaces, comments and declarations are passed over. The tokens are those of the
//! crate that the SDK's own XML services use.

use xmlparser::{ElementEnd, Token, Tokenizer};

/// One element.
#[derive(Debug, Default, PartialEq)]
pub struct Element {
    /// Without its namespace's prefix.
    pub name: String,
    /// Its own text, without that of its children.
    pub text: String,
    /// In order.
    pub children: Vec<Element>,
}

/// Deeper than any reply of AWS.
const DEPTH_MAX: usize = 32;

impl Element {
    /// The root of a document, or nothing where it is none.
    pub fn parse(document: &str) -> Option<Element> {
        // The first stands for the document; each open element is the last one's child once it closes.
        let mut open = vec![Element::default()];
        for token in Tokenizer::from(document) {
            match token.ok()? {
                Token::ElementStart { local, .. } => {
                    if open.len() > DEPTH_MAX {
                        return None;
                    }
                    open.push(Element {
                        name: local.as_str().to_owned(),
                        ..Element::default()
                    });
                }
                Token::ElementEnd {
                    end: ElementEnd::Close(_, local),
                    ..
                } => {
                    let closed = open
                        .pop()
                        .filter(|element| element.name == local.as_str())?;
                    open.last_mut()?.children.push(closed);
                }
                Token::ElementEnd {
                    end: ElementEnd::Empty,
                    ..
                } => {
                    let closed = open.pop()?;
                    open.last_mut()?.children.push(closed);
                }
                Token::Text { text } => open.last_mut()?.text.push_str(&unescaped(&text)),
                Token::Cdata { text, .. } => open.last_mut()?.text.push_str(&text),
                _ => {}
            }
        }
        let mut document = open.pop().filter(|_| open.is_empty())?;
        let root = document.children.pop()?;
        document.children.is_empty().then_some(root)
    }

    /// The text of a child; empty where there is none.
    pub fn text_of(&self, name: &str) -> &str {
        self.child(name).map_or("", |element| element.text.as_str())
    }

    /// A child by name.
    pub fn child(&self, name: &str) -> Option<&Element> {
        self.children.iter().find(|child| child.name == name)
    }

    /// The members of a list: the children of the child of this name.
    pub fn members(&self, list: &str) -> impl Iterator<Item = &Element> {
        self.child(list).into_iter().flat_map(|list| &list.children)
    }

    /// The first element of a name at any depth below this one.
    pub fn find(&self, name: &str) -> Option<&Element> {
        self.child(name)
            .or_else(|| self.children.iter().find_map(|child| child.find(name)))
    }
}

/// The five entities XML itself has; AWS sends no others in what is read here.
fn unescaped(text: &str) -> String {
    text.replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&quot;", "\"")
        .replace("&apos;", "'")
        .replace("&amp;", "&")
}

#[cfg(test)]
mod tests {
    use super::Element;

    #[test]
    fn a_reply_is_a_tree_and_what_is_none_is_nothing() {
        let root = Element::parse(
            "<?xml version=\"1.0\"?>\n<R xmlns=\"u\"><!-- c --><set><item><id>a &amp;lt; b</id><none/></item><item/></set></R>",
        )
        .unwrap();
        assert_eq!(root.name, "R");
        assert_eq!(root.members("set").count(), 2);
        let first = root.members("set").next().unwrap();
        assert_eq!(
            (first.text_of("id"), first.text_of("none")),
            ("a &lt; b", "")
        );
        assert_eq!(root.find("id").map(|id| id.text.as_str()), Some("a &lt; b"));
        for broken in ["", "<a>", "<a></b>", "</a>", "a", "<a/><b/>", "{}"] {
            assert_eq!(Element::parse(broken), None, "{broken}");
        }
        let deep = "<a>".repeat(100) + &"</a>".repeat(100);
        assert_eq!(Element::parse(&deep), None);
    }
}
