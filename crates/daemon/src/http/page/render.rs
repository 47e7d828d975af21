//! Draws the page: HTML for browsers, text for terminals. Every value is escaped.

use std::fmt::{self, Write};

use super::content::{Content, Mood, Section};

/// Seconds between two looks of a browser that shows the page.
const REFRESH_S: u32 = 10;

/// What the page leaves out.
const PAYLOADS: &str = "No text is shown here. What left this machine, byte for byte:";

pub(super) fn html(content: &Content) -> String {
    let mut page = String::with_capacity(16 * 1024);
    draw(&mut page, content).expect("memory takes it");
    page
}

pub(super) fn text(content: &Content) -> String {
    let mut page = String::new();
    list(&mut page, content).expect("memory takes it");
    page
}

fn draw(page: &mut String, content: &Content) -> fmt::Result {
    page.push_str("<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n");
    page.push_str("<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n");
    writeln!(page, "<meta http-equiv=\"refresh\" content=\"{REFRESH_S}\">")?;
    page.push_str("<meta name=\"color-scheme\" content=\"light dark\">\n");
    page.push_str(
        "<title>modelstat daemon</title>\n<link rel=\"stylesheet\" href=\"/status.css\">\n",
    );
    page.push_str("</head>\n<body>\n<main>\n<header>\n<h1>modelstat daemon</h1>\n");
    writeln!(
        page,
        "<p class=\"when\">{} · as of {} · again every {REFRESH_S} s</p>\n</header>",
        escaped(content.version),
        escaped(&content.now)
    )?;
    let mood = match content.mood {
        Mood::Good => "good",
        Mood::Waiting => "waiting",
        Mood::Bad => "bad",
    };
    let verdict = escaped(&content.verdict);
    writeln!(page, "<p class=\"verdict {mood}\" role=\"status\">{verdict}</p>")?;
    for warning in &content.warnings {
        writeln!(page, "<p class=\"verdict bad\">Warning: {}</p>", escaped(warning))?;
    }
    page.push_str("<dl class=\"figures\">\n");
    for figure in &content.figures {
        writeln!(
            page,
            "<div><dt>{}</dt><dd class=\"value\">{}</dd><dd class=\"detail\">{}</dd></div>",
            escaped(figure.label),
            escaped(&figure.value),
            escaped(&figure.detail)
        )?;
    }
    page.push_str("</dl>\n<div class=\"sections\">\n");
    for section in &content.sections {
        table(page, section)?;
    }
    page.push_str("</div>\n<footer>\n");
    writeln!(
        page,
        "<p>{PAYLOADS} <code>modelstat egress --json</code>, or in the data directory</p>"
    )?;
    writeln!(page, "<p><code>{}</code></p>", escaped(&payloads(content)))?;
    page.push_str("</footer>\n</main>\n</body>\n</html>\n");
    Ok(())
}

/// The same for programs.
fn payloads(content: &Content) -> String {
    let Content { address, .. } = content;
    format!("curl -H \"Authorization: Bearer $(cat daemon.token)\" http://{address}/v1/egress")
}

fn table(page: &mut String, section: &Section) -> fmt::Result {
    writeln!(page, "<section>\n<h2>{}</h2>", escaped(section.title))?;
    if section.rows.is_empty() {
        writeln!(page, "<p class=\"empty\">{}</p>\n</section>", escaped(section.empty))?;
        return Ok(());
    }
    page.push_str("<table>\n");
    if !section.columns.is_empty() {
        page.push_str("<thead><tr>");
        for column in section.columns {
            write!(page, "<th scope=\"col\">{}</th>", escaped(column))?;
        }
        page.push_str("</tr></thead>\n");
    }
    page.push_str("<tbody>\n");
    for row in &section.rows {
        page.push_str("<tr>");
        for (index, cell) in row.iter().enumerate() {
            let (open, close) =
                if index == 0 { ("<th scope=\"row\">", "</th>") } else { ("<td>", "</td>") };
            page.extend([open, &escaped(cell), close]);
        }
        page.push_str("</tr>\n");
    }
    page.push_str("</tbody>\n</table>\n</section>\n");
    Ok(())
}

fn list(page: &mut String, content: &Content) -> fmt::Result {
    let Content { version, now, verdict, .. } = content;
    writeln!(page, "modelstat daemon {version}, {now}\n\n{verdict}")?;
    for warning in &content.warnings {
        page.extend(["Warning: ", warning, "\n"]);
    }
    page.push('\n');
    for figure in &content.figures {
        writeln!(page, "{:<18}{}, {}", figure.label, figure.value, figure.detail)?;
    }
    for section in content.sections.iter().filter(|section| !section.rows.is_empty()) {
        writeln!(page, "\n{}", section.title)?;
        let width = section.rows.iter().map(|row| row[0].chars().count()).max().unwrap_or(0);
        for row in &section.rows {
            writeln!(page, "  {:<width$}  {}", row[0], row[1..].join("  "))?;
        }
    }
    writeln!(page, "\n{PAYLOADS}\n  modelstat egress --json")
}

/// Escapes what has a meaning in HTML, in text and in attributes.
fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            _ => safe.push(character),
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::page::content::Figure;

    #[test]
    fn nothing_that_is_shown_can_become_markup() {
        let hostile = "<script>alert('\"&')</script>";
        let content = Content {
            version: "1",
            now: hostile.to_owned(),
            address: hostile.to_owned(),
            verdict: hostile.to_owned(),
            mood: Mood::Bad,
            warnings: vec![hostile.to_owned()],
            figures: vec![Figure {
                label: "figure",
                value: hostile.to_owned(),
                detail: hostile.to_owned(),
            }],
            sections: vec![Section {
                title: "section",
                columns: &["one", "two"],
                rows: vec![vec![hostile.to_owned(), hostile.to_owned()]],
                empty: "",
            }],
        };
        let page = html(&content);
        assert!(!page.contains("<script") && !page.contains("alert('"));
        let safe = "&lt;script&gt;alert(&#39;&quot;&amp;&#39;)&lt;/script&gt;";
        assert_eq!(page.matches(safe).count(), 8);
        assert!(text(&content).contains(hostile), "a terminal gets it as it is");
    }
}
