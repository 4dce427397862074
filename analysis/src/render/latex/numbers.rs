//! numbers.tex: every number the paper's sentences may use, looked up by its key. A key without a number
//! prints *not measured*, so that the paper always compiles and never shows a zero for the unknown.

use crate::load::question::CellKey;
use crate::render::Rendered;
use crate::render::latex::{HEADER, escape, number, value};
use crate::render::number::{show, show_ratio};
use crate::render::origin::caption;
use crate::render::tables::comparisons::p_words;
use crate::render::tables::warm_up::development;
use crate::results::Results;
use std::fmt::Write;
use weighbridge_schema::quantity::Quantity;

const MACROS: &str = r"\makeatletter
% \wbnum{experiment/workload/parameter/subject/metric/form}; workload and parameter are - where there is none.
% Forms: text median low high n, and beside the baseline ratiotext ratio ratiolow ratiohigh effect a12 p.
% \wbnum{experiment/workload/parameter/subject/pace}: invocations by how their pace developed.
\newcommand{\wbnum}[1]{\@ifundefined{wb@num@#1}{\textit{not measured}}{\csname wb@num@#1\endcsname}}
% \wbverdict{claim}: holds, contradicted, undecided or not measured; a name that is in no claim: not judged.
\newcommand{\wbverdict}[1]{\@ifundefined{wb@verdict@#1}{\textit{not judged}}{\csname wb@verdict@#1\endcsname}}
% \wbclaim{claim}: the claim's ratio with its interval.
\newcommand{\wbclaim}[1]{\@ifundefined{wb@claim@#1}{\textit{not measured}}{\csname wb@claim@#1\endcsname}}
% \wbjudged{claim}{text where it holds}{where it is contradicted}{where it is neither}: a sentence that follows its number.
\def\wb@holds{holds}\def\wb@contradicted{contradicted}
\newcommand{\wbjudged}[4]{%
  \expandafter\let\expandafter\wb@word\csname wb@verdict@#1\endcsname
  \ifx\wb@word\wb@holds#2\else\ifx\wb@word\wb@contradicted#3\else#4\fi\fi}
% \wbsays{experiment/workload/parameter/subject/metric}{text where the value is below the baseline's}{above}{undecided}.
\def\wb@faster{faster}\def\wb@lower{lower}\def\wb@slower{slower}\def\wb@higher{higher}
\newcommand{\wbsays}[4]{%
  \expandafter\let\expandafter\wb@word\csname wb@num@#1/effect\endcsname
  \ifx\wb@word\wb@faster#2\else\ifx\wb@word\wb@lower#2\else
  \ifx\wb@word\wb@slower#3\else\ifx\wb@word\wb@higher#3\else#4\fi\fi\fi\fi}
% \wbmeta{run}, {profile}, {commit}, {cpu}, ...: where the numbers come from.
\newcommand{\wbmeta}[1]{\@ifundefined{wb@meta@#1}{\textit{unknown}}{\csname wb@meta@#1\endcsname}}
% \wborigin{table-NAME} or {figure-NAME}: revision and commands that a caption ends with.
\DeclareRobustCommand{\wborigin}[1]{%
  \@ifundefined{wb@origin@#1}{}{{\footnotesize\csname wb@origin@#1\endcsname}}}
% The figures stand side by side with this; pgfplots itself is loaded by the paper.
\ifdefined\usepgfplotslibrary\usepgfplotslibrary{groupplots}\fi
\newcommand{\wb@set}[3]{\expandafter\gdef\csname wb@#1@#2\endcsname{#3}}
";

/// The file's content.
#[must_use]
pub fn render(results: &Results<'_>, rendered: &Rendered, meta: &[(String, String)]) -> String {
    let mut out = format!("{HEADER}{MACROS}");
    // Writing to a String cannot fail, here and below.
    for (key, text) in meta {
        let _ = writeln!(out, "\\wb@set{{meta}}{{{key}}}{{{}}}", escape(text));
    }
    let tables = rendered.tables.iter().map(|table| ("table", table.name));
    for (what, name) in tables.chain(rendered.charts.iter().map(|chart| ("figure", chart.name))) {
        let words = caption(results, name);
        let _ = writeln!(out, "\\wb@set{{origin}}{{{what}-{name}}}{{{words}}}");
    }
    for judged in &results.judged {
        let words = judged.verdict.words();
        let _ = writeln!(out, "\\wb@set{{verdict}}{{{}}}{{{words}}}", judged.claim.name);
        if let Some(ratio) = judged.ratio {
            let shown = number(&show_ratio(ratio, judged.interval));
            let _ = writeln!(out, "\\wb@set{{claim}}{{{}}}{{{shown}}}", judged.claim.name);
        }
    }
    for (key, quantity) in results.summaries.keys() {
        let stem = stem(results, key, *quantity);
        for (form, text) in forms(results, key, *quantity) {
            let _ = writeln!(out, "\\wb@set{{num}}{{{stem}/{form}}}{{{text}}}");
        }
    }
    for (key, paces) in &results.paces {
        let stem = cell_stem(results, key);
        let _ = writeln!(out, "\\wb@set{{num}}{{{stem}/pace}}{{{}}}", escape(&development(paces)));
    }
    out.push_str("\\makeatother\n");
    out
}

/// The key without its form. A subject of another instruction set than the machine's carries its name.
pub(crate) fn stem(results: &Results<'_>, key: &CellKey, quantity: Quantity) -> String {
    format!("{}/{}", cell_stem(results, key), quantity.key())
}

fn cell_stem(results: &Results<'_>, key: &CellKey) -> String {
    let cell = &key.cell;
    let workload = cell.workload.as_ref().map_or("-", |workload| workload.as_str());
    let subject = if cell.architecture == results.run.manifest.fingerprint.architecture {
        cell.subject.to_string()
    } else {
        format!("{}@{}", cell.subject, cell.architecture)
    };
    format!("{}/{workload}/{}/{subject}", key.experiment, cell.parameter)
}

fn forms(results: &Results<'_>, key: &CellKey, quantity: Quantity) -> Vec<(&'static str, String)> {
    let Some(summary) = results.summary(key, quantity) else { return Vec::new() };
    let shown = show(summary.point, summary.interval, quantity.unit(), summary.is_exact());
    let mut forms = vec![
        ("text", number(&shown)),
        ("median", value(&shown.value, shown.unit)),
        ("n", summary.n.to_string()),
    ];
    if let Some((low, high)) = &shown.interval {
        forms.push(("low", value(low, shown.unit)));
        forms.push(("high", value(high, shown.unit)));
    }
    let Some(comparison) = results.comparison(key, quantity) else { return forms };
    forms.push(("effect", comparison.effect.words().to_owned()));
    forms.extend(comparison.a12.map(|a12| ("a12", format!("{a12:.2}"))));
    forms.extend(comparison.p_adjusted.map(|p| ("p", escape(&p_words(p)))));
    if let Some(ratio) = comparison.ratio {
        let shown = show_ratio(ratio, comparison.interval);
        forms.push(("ratiotext", number(&shown)));
        forms.push(("ratio", escape(&shown.value)));
        if let Some((low, high)) = &shown.interval {
            forms.push(("ratiolow", escape(low)));
            forms.push(("ratiohigh", escape(high)));
        }
    }
    forms
}
