import { LitElement } from 'lit';

/**
 * An element of the page without a shadow root: the one style sheet of the page applies, ids and ARIA references reach
 * across, and whoever reads the page's text reads all of it.
 */
export class PageElement extends LitElement {
  protected override createRenderRoot(): HTMLElement {
    return this;
  }
}
