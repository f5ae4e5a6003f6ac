import assert from 'node:assert/strict';
import { inspectorPage } from '../../src/editor/page.ts';

const sources = {
  title: '</title><script>alert(1)</script>.qcow2',
  path: '/images/a "b" <c>\r\nd.qcow2',
  script: 'https://file+.vscode-resource.vscode-cdn.net/dist/webview.js?"&\'',
  styles: ['https://file+.vscode-resource.vscode-cdn.net/dist/webview.css'],
  cspSource: "'self' https://*.vscode-cdn.net",
  nonce: 'Zm9v',
};

describe('the page of an inspector', () => {
  it('may load our script, our styles and fonts, and nothing else', () => {
    const policy = /Content-Security-Policy" content="([^"]*)"/.exec(inspectorPage(sources))?.[1];
    assert.equal(
      policy,
      "default-src 'none'; script-src 'nonce-Zm9v'; style-src 'self' https://*.vscode-cdn.net; font-src 'self' https://*.vscode-cdn.net",
    );
  });

  it('has one script, with the nonce, and nothing inline', () => {
    const page = inspectorPage(sources);
    assert.deepEqual(page.match(/<script[^>]*>/g), [
      '<script type="module" nonce="Zm9v" src="https://file+.vscode-resource.vscode-cdn.net/dist/webview.js?&quot;&amp;&#39;">',
    ]);
    assert.match(page, /<script[^>]*><\/script>/);
    assert.doesNotMatch(page, /<style| style=| on\w+=/);
  });

  it('tells the page the path of the file, whatever is in it', () => {
    assert.match(
      inspectorPage(sources),
      /<html lang="en" data-path="\/images\/a &quot;b&quot; &lt;c&gt;&#13;\nd.qcow2">/,
    );
  });

  it('shows the name of a file as text, whatever it is', () => {
    assert.match(inspectorPage(sources), /<title>&lt;\/title&gt;&lt;script&gt;alert\(1\)/);
  });
});
