/** Keys that move through rows and cells. */
const moves = new Set(['ArrowUp', 'ArrowDown', 'ArrowLeft', 'ArrowRight', 'PageUp', 'PageDown', 'Home', 'End']);

/**
 * Follows how a person selects in an element. The function that it returns tells whether the last thing done was to move
 * with a key, rather than to point at something or to press a button.
 */
export function walkKeys(element: HTMLElement): () => boolean {
  let walking = false;
  element.addEventListener('keydown', ({ key }) => (walking = moves.has(key)), { capture: true });
  element.addEventListener('pointerdown', () => (walking = false), { capture: true });
  return () => walking;
}
