/** Counts what is live and what has been asked for; one for each family of blocks, and one for all together. */
export class LiveBytes {
  /** Bytes of the blocks that are live now. */
  liveBytes = 0;
  /** The most that `liveBytes` has been. */
  peakLiveBytes = 0;
  liveBlockCount = 0;
  peakLiveBlockCount = 0;
  /** Sum of all that was asked for. */
  requestedBytes = 0;

  addBlock(sizeBytes: number): void {
    this.liveBlockCount += 1;
    if (this.liveBlockCount > this.peakLiveBlockCount) this.peakLiveBlockCount = this.liveBlockCount;
    this.#add(sizeBytes, sizeBytes);
  }

  /** A block stays, with another size. */
  resizeBlock(oldBytes: number, newBytes: number): void {
    this.#add(newBytes - oldBytes, newBytes);
  }

  removeBlock(sizeBytes: number): void {
    this.liveBlockCount -= 1;
    this.liveBytes -= sizeBytes;
  }

  /** Part of a block goes; the block stays. */
  shrinkBlock(sizeBytes: number): void {
    this.liveBytes -= sizeBytes;
  }

  #add(liveBytes: number, requestedBytes: number): void {
    this.requestedBytes += requestedBytes;
    this.liveBytes += liveBytes;
    if (this.liveBytes > this.peakLiveBytes) this.peakLiveBytes = this.liveBytes;
  }
}
