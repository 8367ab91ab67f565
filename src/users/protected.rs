//! Users that a connection protects, by globs on their usernames.

use super::row::fold;

/// Whether a username matches any of the globs, without regard to case. `*` is any text, also none, and
/// `?` any one character.
#[must_use]
pub fn is_protected(globs: &[String], username: &str) -> bool {
    let username: Vec<char> = fold(username).chars().collect();
    globs.iter().any(|glob| matches(&fold(glob).chars().collect::<Vec<_>>(), &username))
}

/// The usual two pointers: after a mismatch the last star takes one character more.
fn matches(glob: &[char], text: &[char]) -> bool {
    let (mut g, mut t) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while t < text.len() {
        match (glob.get(g), text.get(t)) {
            (Some('*'), _) => {
                star = Some((g, t));
                g += 1;
            }
            (Some(expected), Some(found)) if *expected == '?' || expected == found => {
                g += 1;
                t += 1;
            }
            _ => match star {
                Some((at, taken)) => {
                    g = at + 1;
                    t = taken + 1;
                    star = Some((at, taken + 1));
                }
                None => return false,
            },
        }
    }
    glob.iter().skip(g).all(|c| *c == '*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn globs_match_whole_names_in_any_case() {
        let globs = ["root.admin".to_owned(), "svc-*".to_owned(), "a?c*z".to_owned()];
        for name in ["root.admin", "ROOT.admin", "svc-", "Svc-backup", "abcz", "axc-zz"] {
            assert!(is_protected(&globs, name), "{name}");
        }
        for name in ["root.admin2", "xroot.admin", "svc", "acz", "abc"] {
            assert!(!is_protected(&globs, name), "{name}");
        }
    }
}
