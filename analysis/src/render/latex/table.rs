//! A table as a `tabular` with booktabs; the float and its caption are in the paper's section.

use crate::render::latex::{HEADER, code, escape, number, words};
use crate::render::table::{Align, Content, Row, Table};
use std::fmt::Write;

/// The table is set in a box first: one that turns out wider than its line is shrunk to it, whatever the
/// names and numbers of a run are.
const OPEN: &str = r"\begingroup\centering\footnotesize\setlength{\tabcolsep}{3.5pt}\setbox0=\hbox{%
";
const CLOSE: &str = r"}\ifdim\wd0>\linewidth\resizebox{\linewidth}{!}{\box0}\else\leavevmode\box0\fi\par\endgroup%
";

/// Between blocks side by side.
const GAP: &str = "\\hspace{2em}%\n";

/// The file's content: how many parts there are, and the one of them that `\wbpart` asks for. The paper gives each a
/// float of its own.
#[must_use]
pub fn render(table: &Table) -> String {
    let part = |blocks: &Vec<&[Row]>| {
        let blocks: Vec<String> = blocks.iter().map(|rows| block(table, rows)).collect();
        format!("\\or\n{OPEN}{}{CLOSE}", blocks.join(GAP))
    };
    let parts: Vec<String> = table.parts().iter().map(part).collect();
    let count = parts.len();
    format!("{HEADER}\\gdef\\wbparts{{{count}}}%\n\\ifcase\\wbpart\n{}\\fi\n", parts.concat())
}

/// Rows under the columns' titles. Blocks side by side begin at one height.
fn block(table: &Table, rows: &[Row]) -> String {
    let columns: String = table.columns.iter().map(|column| specification(column.align)).collect();
    let top = if table.abreast > 1 { "[t]" } else { "" };
    let titles: Vec<String> = table.columns.iter().map(|column| escape(&column.title)).collect();
    let mut out = format!("\\begin{{tabular}}{top}{{@{{}}{columns}@{{}}}}\n\\toprule\n");
    // Writing to a String cannot fail, here and below.
    let _ = writeln!(out, "{} \\\\\n\\midrule", titles.join(" & "));
    for (index, row) in rows.iter().enumerate() {
        out.push_str(&row_text(row, table.columns.len(), index == 0));
    }
    if rows.is_empty() {
        let count = table.columns.len();
        let _ = writeln!(
            out,
            "\\multicolumn{{{count}}}{{@{{}}l@{{}}}}{{\\textit{{{}}}}} \\\\",
            escape(table.when_empty)
        );
    }
    out.push_str("\\bottomrule\n\\end{tabular}%\n");
    out
}

fn specification(align: Align) -> String {
    match align {
        Align::Left => "l".to_owned(),
        Align::Right => "r".to_owned(),
        Align::Wrap(share) => format!(">{{\\raggedright\\arraybackslash}}p{{{share}\\linewidth}}"),
    }
}

fn row_text(row: &Row, columns_count: usize, is_first: bool) -> String {
    match row {
        Row::Heading(text) => {
            let gap = if is_first { "" } else { "\\addlinespace\n" };
            format!(
                "{gap}\\multicolumn{{{columns_count}}}{{@{{}}l@{{}}}}{{\\textbf{{{}}}}} \\\\\n",
                escape(text)
            )
        }
        Row::Cells(cells) => {
            let cells: Vec<String> = cells.iter().map(content).collect();
            format!("{} \\\\\n", cells.join(" & "))
        }
    }
}

fn content(content: &Content) -> String {
    match content {
        // A leading bracket would be read as the optional argument of the `\\` before it.
        Content::Text(text) if text.starts_with('[') => format!("{{}}{}", words(text)),
        Content::Text(text) => words(text),
        Content::Toned(tone, text) => {
            let [red, green, blue] = tone.rgb();
            format!("\\textcolor[RGB]{{{red},{green},{blue}}}{{{}}}", words(text))
        }
        Content::Code(text) => code(text),
        Content::Number(shown) => number(shown),
        Content::Qualified(shown, what) => format!("{} ({})", number(shown), escape(what)),
        Content::Absent(why) => format!("\\textit{{{}}}", escape(why)),
        Content::Nothing => "--".to_owned(),
    }
}
