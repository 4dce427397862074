//! Numbers in the paper that somebody typed: a result is a macro there, so that it is this run's.

use crate::project::Project;
use anyhow::{Context, Result};

/// The sections that tell results.
const SECTIONS: [&str; 3] = ["abstract", "results", "conclusion"];

/// Commands whose argument is no prose: labels, references, macros that look a number up.
const NO_PROSE: [&str; 13] = [
    "wbnum",
    "wbverdict",
    "wbclaim",
    // Of these two the first argument alone: the others are sentences.
    "wbjudged",
    "wbsays",
    "wbmeta",
    "label",
    "ref",
    "input",
    "cite",
    "citet",
    "citep",
    "includegraphics",
];

/// `paper/sections/results.tex:12: typed by hand: It starts in 3.2 ms.`, for each line with a number in it.
///
/// # Errors
/// A section cannot be read.
pub fn found(project: &Project) -> Result<Vec<String>> {
    let mut all = Vec::new();
    for section in SECTIONS {
        let file = format!("paper/sections/{section}.tex");
        let path = project.path(&file);
        let text =
            std::fs::read_to_string(&path).with_context(|| format!("read {}", path.display()))?;
        let lines = literal_numbers(&text).into_iter();
        all.extend(lines.map(|(line, text)| format!("{file}:{line}: typed by hand: {text}")));
    }
    Ok(all)
}

/// The lines with a digit in their prose, with their numbers from 1.
fn literal_numbers(tex: &str) -> Vec<(usize, String)> {
    let prose = prose(tex);
    let lines = prose.lines().zip(tex.lines()).zip(1..);
    lines
        .filter(|((prose, _), _)| prose.bytes().any(|byte| byte.is_ascii_digit()))
        .map(|((_, line), number)| (number, line.trim().to_owned()))
        .collect()
}

/// The text without comments and without what is no prose, line by line as it was.
fn prose(tex: &str) -> String {
    let before_comment = |line| str::split_once(line, '%').map_or(line, |(before, _)| before);
    let mut text: String = tex.lines().map(before_comment).collect::<Vec<_>>().join("\n");
    for command in NO_PROSE {
        let opening = format!("\\{command}{{");
        while let Some(from) = text.find(&opening) {
            let to = text[from..].find('}').map_or(text.len(), |end| from + end + 1);
            let newlines = "\n".repeat(text[from..to].matches('\n').count());
            text.replace_range(from..to, &format!(" {newlines}"));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_typed_result_is_found_with_its_line() {
        let found = |tex: &str| literal_numbers(tex);
        assert_eq!(
            found("Fast.\n\nIt starts in 3.2\\,ms.\nIt does."),
            [(3, "It starts in 3.2\\,ms.".to_owned())]
        );
        assert_eq!(found("\\wbnum{cold-start/p99/1/x} % 17 runs\nsee~\\ref{fig:2}"), []);
        // A macro over two lines moves nothing.
        assert_eq!(found("\\wbsays{a/c=8/b}{less}{more}{as much}"), []);
        assert_eq!(found("\\wbjudged{a-1}{all of}{9 of}{-}").len(), 1);
        assert_eq!(found("\\wbnum{a/1/\nb}\nIn 7 cases."), [(3, "In 7 cases.".to_owned())]);
    }
}
