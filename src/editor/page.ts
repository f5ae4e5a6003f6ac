/** What a page loads, as URIs that the webview may fetch. */
export interface PageSources {
  /** Name of the image, for the page to show. */
  readonly title: string;
  /** Path of the image, for the commands that the page lets copy. */
  readonly path: string;
  readonly script: string;
  readonly styles: readonly string[];
  /** Where the webview's own resources come from, for its content policy. */
  readonly cspSource: string;
  readonly nonce: string;
}

/** The page of an inspector: nothing but our script, our styles and our icon font is ever loaded. */
export function inspectorPage({ title, path, script, styles, cspSource, nonce }: PageSources): string {
  const policy = `default-src 'none'; script-src 'nonce-${nonce}'; style-src ${cspSource}; font-src ${cspSource}`;
  const links = styles.map((style) => `<link rel="stylesheet" href="${escapeHtml(style)}">`).join('\n');
  return `<!DOCTYPE html>
<html lang="en" data-path="${escapeHtml(path)}">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escapeHtml(title)}</title>
${links}
</head>
<body>
<script type="module" nonce="${nonce}" src="${escapeHtml(script)}"></script>
</body>
</html>
`;
}

/** Text as text, within an element or a quoted attribute. */
export function escapeHtml(text: string): string {
  return (
    text
      .replaceAll('&', '&amp;')
      .replaceAll('<', '&lt;')
      .replaceAll('>', '&gt;')
      .replaceAll('"', '&quot;')
      .replaceAll("'", '&#39;')
      // A page has line feeds only: a return that is not escaped would become one.
      .replaceAll('\r', '&#13;')
  );
}
