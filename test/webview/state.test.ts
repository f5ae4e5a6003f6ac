import assert from 'node:assert/strict';
import fc from 'fast-check';
import { addressOf, type Selection, selectionAt } from '../../webview/selection.ts';
import { firstState, panes, restore, save } from '../../webview/state.ts';
import { visible } from '../../webview/widgets/visible.ts';

const index = fc.nat();
const offset = fc.bigInt({ min: 0n, max: (1n << 64n) - 1n });
const plain = { noNullPrototype: true };
const selections: fc.Arbitrary<Selection> = fc.oneof(
  fc.record({ kind: fc.constant('field' as const), name: fc.string({ minLength: 1 }) }, plain),
  fc.record(
    { kind: fc.constant('bit' as const), mask: fc.constantFrom('incompatible', 'autoclear'), bit: fc.nat(63) },
    plain,
  ),
  ...(['extension', 'finding', 'scan-finding', 'snapshot', 'bitmap', 'key-slot', 'refcount-table-entry'] as const).map(
    (kind) => fc.record({ kind: fc.constant(kind), index }, plain),
  ),
  ...(['unknown-fields', 'encryption', 'backing', 'data-file'] as const).map((kind) => fc.constant({ kind })),
  fc.record({ kind: fc.constant('guest' as const), start: offset, length: offset }, plain),
  fc.record({ kind: fc.constant('guest' as const), start: offset, length: offset, snapshot: index }, plain),
  fc.record({ kind: fc.constant('host' as const), start: offset, length: offset }, plain),
  fc.record({ kind: fc.constant('l1-entry' as const), index, snapshot: index }, plain),
  fc.record({ kind: fc.constant('l1-entry' as const), index }, plain),
  fc.record({ kind: fc.constant('l2-entry' as const), l1: index, index, snapshot: index }, plain),
  fc.record({ kind: fc.constant('l2-entry' as const), l1: index, index }, plain),
  fc.record(
    {
      kind: fc.constant('check-finding' as const),
      code: fc.constantFrom('cluster-leaked', 'l2-table-past-end'),
      index,
    },
    plain,
  ),
  fc.record({ kind: fc.constant('refcount-entry' as const), block: index, index }, plain),
);

const histories = fc
  .array(fc.record({ pane: fc.constantFrom(...panes), selection: selections }, plain), { minLength: 1, maxLength: 100 })
  .chain((visits) => fc.nat(visits.length - 1).map((at) => ({ visits, at })));

describe('the state of a view', () => {
  it('comes back as it was saved, through JSON', () => {
    fc.assert(
      fc.property(fc.constantFrom(...panes), selections, histories, fc.string(), (pane, selection, history, text) => {
        const state = { pane, selection, history, kept: { [pane]: text } };
        assert.deepEqual(restore(JSON.parse(JSON.stringify(save(state)))), state);
      }),
    );
  });

  it('addresses each selection by a text of its own', () => {
    fc.assert(
      fc.property(selections, (selection) => {
        assert.deepEqual(selectionAt(addressOf(selection)), selection);
      }),
    );
  });

  it('is the overview, with nothing selected, where the saved state is not understood', () => {
    fc.assert(
      fc.property(fc.anything(), (saved) => {
        const { pane } = restore(saved);
        assert.ok(panes.includes(pane));
      }),
    );
    for (const saved of [
      undefined,
      null,
      7,
      'map',
      { pane: 'no such pane' },
      { pane: 'overview', selection: 'guest:x+1', kept: { map: 3, elsewhere: 'x' } },
    ]) {
      assert.deepEqual(restore(saved), firstState);
    }
  });
});

describe('text from an image', function () {
  this.timeout(20_000);

  it('has no character that is not seen', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        assert.doesNotMatch(visible(text), /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u);
      }),
    );
  });

  it('is left alone where every character is seen', () => {
    assert.equal(visible('größe 大 <b>&amp;'), 'größe 大 <b>&amp;');
    assert.equal(visible('a\u202eb\u0007'), 'a\\u{202e}b\\u{7}');
  });
});
