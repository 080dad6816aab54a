/** The page of `/docs`. Its addresses are relative, so that it works behind a proxy that adds a prefix. */
export function createDocsPage(title: string): string {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escapeHtml(title)}</title>
<link rel="icon" type="image/png" href="docs/favicon-32x32.png">
<link rel="stylesheet" href="docs/swagger-ui.css">
<link rel="stylesheet" href="docs/page.css">
</head>
<body>
<noscript>This page needs JavaScript. <a href="openapi.json">openapi.json</a> has the same content.</noscript>
<div id="viewer"></div>
<script src="docs/swagger-ui-bundle.js"></script>
<script src="docs/page.js"></script>
</body>
</html>
`;
}

/** Without `validatorUrl` the viewer would ask a foreign server about every document that is not local. */
export const PAGE_SCRIPT = `SwaggerUIBundle({
  url: 'openapi.json',
  dom_id: '#viewer',
  deepLinking: true,
  displayRequestDuration: true,
  tryItOutEnabled: true,
  defaultModelsExpandDepth: 0,
  validatorUrl: null,
});
`;

/** Hides the choice of a server, because there is one, and sets a calmer page than the viewer's own. */
export const PAGE_STYLE = `:root { color-scheme: light; }
body { margin: 0; background: #f7f8fa; }
noscript { display: block; padding: 2rem; font-family: system-ui, sans-serif; }
.swagger-ui :not(code, pre, pre *, textarea, .opblock-summary-path, .opblock-summary-path *, .parameter__type) {
  font-family: system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", sans-serif !important;
}
.swagger-ui .wrapper { max-width: 1120px; }
.swagger-ui .info { margin: 2.5rem 0 1rem; }
.swagger-ui .info .title { font-size: 2rem; letter-spacing: -0.01em; }
.swagger-ui .info p { font-size: 1rem; line-height: 1.6; max-width: 46rem; margin: 0 0 0.6rem !important; }
.swagger-ui .info p code, .swagger-ui .markdown code, .swagger-ui .renderedMarkdown code {
  color: #1f3a5f; background: #e8edf4; border-radius: 4px; padding: 1px 5px; font-weight: 500;
}
.swagger-ui .scheme-container, .swagger-ui .response-col_links { display: none; }
.swagger-ui .opblock .opblock-summary-control:focus { outline-color: #9db7d5; }
.swagger-ui .body-param__text { min-height: 180px; }
.swagger-ui .btn.execute { background: #2563a8; border-color: #2563a8; }
.swagger-ui .opblock-tag { border: 0; font-size: 1.25rem; padding: 0.75rem 0; }
.swagger-ui .opblock { background: #fff; border-width: 1px; border-radius: 8px; box-shadow: none; }
.swagger-ui .opblock .opblock-summary { padding: 0.6rem 0.75rem; }
.swagger-ui .opblock .opblock-summary-method { border-radius: 6px; min-width: 64px; }
.swagger-ui .opblock.opblock-get { background: #fff; border-color: #c9d8ea; }
.swagger-ui .opblock.opblock-get .opblock-summary { border-color: #c9d8ea; }
.swagger-ui .opblock.opblock-get .opblock-summary-method { background: #2563a8; }
.swagger-ui .opblock.opblock-post { background: #fff; border-color: #bfe0d2; }
.swagger-ui .opblock.opblock-post .opblock-summary { border-color: #bfe0d2; }
.swagger-ui .opblock.opblock-post .opblock-summary-method { background: #14795a; }
.swagger-ui .opblock .opblock-section-header { background: #f2f4f7; box-shadow: none; }
.swagger-ui .opblock-description-wrapper p { font-size: 0.95rem; line-height: 1.55; max-width: 46rem; margin: 0 !important; }
.swagger-ui .highlight-code > .microlight, .swagger-ui .opblock-body pre.microlight { background: #1d2733; border-radius: 6px; }
.swagger-ui section.models { border-color: #d9dee6; background: #fff; border-radius: 8px; }
`;

function escapeHtml(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
}
