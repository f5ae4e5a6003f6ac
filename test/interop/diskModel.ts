/** What the guest sees of a disk, as it should be after all that was done to it. */
export class DiskModel {
  bytes: Buffer;
  /** By name: what the guest saw when the snapshot was taken. */
  readonly snapshots = new Map<string, Buffer>();

  /** `bytes`: what the disk shows in the beginning. */
  constructor(bytes: Buffer) {
    this.bytes = bytes;
  }

  get size(): number {
    return this.bytes.length;
  }

  fill(at: number, length: number, byte: number): void {
    this.bytes.fill(byte, at, at + length);
  }

  /** What is new of a longer disk reads as zeros, whatever there is in its backing file. */
  resize(size: number): void {
    const before = this.bytes;
    this.bytes = Buffer.alloc(size);
    before.copy(this.bytes);
  }

  take(name: string): void {
    this.snapshots.set(name, Buffer.from(this.bytes));
  }

  /** The disk is as it was, and as long. */
  goBack(name: string): void {
    this.bytes = Buffer.from(this.snapshots.get(name) ?? this.bytes);
  }
}
