//! One page that needs nothing else: no network, no script, light and dark, and to be printed.

/// What the page looks like. Plots are drawn in black on nothing; here the ink follows the page.
const STYLE: &str = "
:root{--paper:#ffffff;--ink:#1a1a1a;--soft:#595959;--rule:#d0d0d0;--tint:#f4f6f8;--link:#0a58a6;
--good:#00694b;--bad:#b13600;color-scheme:light dark}
@media (prefers-color-scheme:dark){:root{--paper:#15181c;--ink:#e8e8e8;--soft:#adb3ba;
--rule:#3d444d;--tint:#1e2329;--link:#79b8ff;--good:#3ecf9c;--bad:#ff9966}}
body{margin:0 auto;max-width:60rem;padding:1.5rem;background:var(--paper);color:var(--ink);
font:16px/1.5 system-ui,'Segoe UI','DejaVu Sans',sans-serif}
h1{font-size:1.9rem;line-height:1.2;margin:.2em 0}
h2{font-size:1.35rem;margin:2.2em 0 .3em;padding-top:.6em;border-top:2px solid var(--rule)}
h3{font-size:1.05rem;margin:1.3em 0 .3em}
a{color:var(--link)}
p,ul{margin:.5em 0}
.question{font-size:1.08rem;font-style:italic}
.soft,figcaption,caption{color:var(--soft);font-size:.9rem}
.good{color:var(--good);font-weight:600}.bad{color:var(--bad);font-weight:600}
.advice{border-left:4px solid var(--link);background:var(--tint);padding:.6em 1em}
figure{margin:1em 0;break-inside:avoid}
figcaption{font-weight:600;color:var(--ink)}
.scroll{overflow-x:auto}
table{border-collapse:collapse;font-size:.86rem;margin:.4em 0}
caption{text-align:left;padding:.2em 0}
th,td{border-bottom:1px solid var(--rule);padding:.22em .6em;text-align:left;vertical-align:top}
td.n,th.n{text-align:right;font-variant-numeric:tabular-nums}
td.n{white-space:nowrap}th.n{min-width:4.5rem}td:first-child{min-width:13rem}
thead th{background:var(--tint);vertical-align:bottom}
code,pre{font-family:ui-monospace,Menlo,Consolas,'DejaVu Sans Mono',monospace;font-size:.86rem;
background:var(--tint);border-radius:3px}
pre{padding:.5em .8em;overflow-x:auto;white-space:pre-wrap}
code{padding:.05em .25em}
details summary{cursor:pointer;color:var(--link)}
nav ul{columns:2 20rem;list-style:none;padding:0}nav li{break-inside:avoid;margin:.2em 0}
svg{max-width:100%;height:auto;fill:var(--ink)}
svg.spacetime{max-width:none}
svg [fill='black'],svg [fill='#000000']{fill:var(--ink)}
svg [fill='white'],svg [fill='#ffffff']{fill:var(--paper)}
svg [stroke='#000000'],svg [stroke='black']{stroke:var(--ink)}
svg [stroke='#cccccc']{stroke:var(--rule)}
svg.topology [fill='#ffffff']{fill:#ffffff}
.lane{stroke:var(--soft)}.grid{stroke:var(--rule);stroke-dasharray:2 3}
.message{stroke:#0072B2;stroke-width:1.2}.concluded{stroke-dasharray:5 3}
.tip{fill:#0072B2}.dot{fill:var(--ink)}.stamp{fill:var(--soft)}
.alarm{stroke:#D55E00;stroke-width:2.4;fill:none}.crown{fill:#009E73}
.band{opacity:.85}
@media screen and (max-width:45rem){body{padding:1rem}th,td{padding:.22em .4em}
td:first-child{min-width:8rem}figure svg{min-width:34rem}}
@media print{:root{--paper:#fff;--ink:#000;--soft:#444;--rule:#bbb;--tint:#f4f4f4}
body{max-width:none;padding:0;font-size:10pt}h2,h3,figcaption,caption{break-after:avoid}
.scroll{overflow:visible}table{font-size:8pt}tr{break-inside:avoid}
th,td{padding:.15em .4em}td.n{white-space:normal}th.n{min-width:0}td:first-child{min-width:11em}
figure svg{max-height:7.6cm;width:auto}
figure svg.topology,figure svg.timeline,figure svg.spacetime{max-height:none}
details>*{display:block}svg.spacetime{max-width:100%}}
";

/// A text without what HTML reads as its own.
pub fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            other => escaped.push(other),
        }
    }
    escaped
}

/// A page that is being written.
#[derive(Debug, Clone)]
pub struct Page {
    text: String,
}

impl Page {
    /// Begins a page.
    pub fn new(title: &str) -> Self {
        let title = escaped(title);
        Self {
            text: format!(
                "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<meta \
                 name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n\
                 <title>{title}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<h1>{title}</h1>\n"
            ),
        }
    }

    /// Adds HTML as it is.
    pub fn raw(&mut self, html: &str) {
        self.text.push_str(html);
        self.text.push('\n');
    }

    /// Adds an element with a text.
    pub fn element(&mut self, name: &str, class: &str, text: &str) {
        let class = if class.is_empty() { String::new() } else { format!(" class=\"{class}\"") };
        self.raw(&format!("<{name}{class}>{}</{name}>", escaped(text)));
    }

    /// Adds a section's head, which a link can point to.
    pub fn section(&mut self, id: &str, title: &str) {
        self.raw(&format!("<h2 id=\"{}\">{}</h2>", escaped(id), escaped(title)));
    }

    /// Adds a list; nothing if it is empty.
    pub fn list<T: AsRef<str>>(&mut self, lines: &[T]) {
        if lines.is_empty() {
            return;
        }
        let lines = lines.iter().map(|line| format!("<li>{}</li>\n", escaped(line.as_ref())));
        self.raw(&format!("<ul>\n{}</ul>", lines.collect::<String>()));
    }

    /// Adds a drawing with its title.
    pub fn figure(&mut self, title: &str, svg: &str) {
        self.raw(&format!(
            "<figure><figcaption>{}</figcaption><div class=\"scroll\">{svg}</div></figure>",
            escaped(title)
        ));
    }

    /// Adds a table. Columns whose place is in `numbers` are aligned to the right.
    pub fn table(
        &mut self,
        caption: &str,
        head: &[String],
        rows: &[Vec<String>],
        numbers: &[usize],
    ) {
        let cells = |name: &str, cells: &[String]| {
            let cells = cells.iter().enumerate().map(|(place, cell)| {
                let class = if numbers.contains(&place) { " class=\"n\"" } else { "" };
                format!("<{name}{class}>{}</{name}>", escaped(cell))
            });
            format!("<tr>{}</tr>\n", cells.collect::<String>())
        };
        let caption = match caption {
            "" => String::new(),
            caption => format!("<caption>{}</caption>", escaped(caption)),
        };
        let rows: String = rows.iter().map(|row| cells("td", row)).collect();
        self.raw(&format!(
            "<div class=\"scroll\"><table>{caption}<thead>{}</thead><tbody>{rows}</tbody></table></div>",
            cells("th", head)
        ));
    }

    /// The page, whole.
    pub fn end(mut self) -> String {
        self.text.push_str("</body>\n</html>\n");
        self.text
    }
}
