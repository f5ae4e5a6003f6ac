import type { View } from '../widgets/cellGrid.ts';
import type { MapKind } from '../widgets/kinds.ts';

/** Another part of a space is to be shown. */
export class ViewEvent extends Event {
  readonly view: View | undefined;

  constructor(view: View | undefined) {
    super('view');
    this.view = view;
  }
}

/** A kind is to be hidden, or shown again. */
export class HideEvent extends Event {
  readonly kind: MapKind;

  constructor(kind: MapKind) {
    super('hide');
    this.kind = kind;
  }
}
