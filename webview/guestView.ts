/** A range of the guest's disk in bytes. */
export interface GuestView {
  readonly start: bigint;
  readonly length: bigint;
}
