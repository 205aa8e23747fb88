/** Place of a request whose caller is unknown. */
export interface UnidentifiedPlace {
  /** Aborts when the place is given to a newer request. */
  readonly evicted: AbortSignal
  /** Gives the place back. Can be called repeatedly. */
  release(): void
}

/**
 * Places of requests whose caller is unknown until their first part has arrived. Such a request costs its
 * sender nothing, so a newer one is never refused: where all places are taken, it gets the one of the request
 * that has waited longest, among those of the address with the most.
 */
export class UnidentifiedPlaces {
  #total: number
  readonly #onEvicted: () => void
  /** Places by address, the oldest first. */
  readonly #taken = new Map<string, Set<AbortController>>()
  #count = 0

  /** @param onEvicted - called for every request that loses its place */
  constructor(total: number, onEvicted: () => void) {
    this.#total = total
    this.#onEvicted = onEvicted
  }

  /** Replaces the number of places for requests from now on. */
  setTotal(total: number): void {
    this.#total = total
  }

  /** Takes a place. */
  enter(address: string): UnidentifiedPlace {
    while (this.#count > 0 && this.#count >= this.#total) this.#evict()
    const place = new AbortController()
    const places = this.#taken.get(address) ?? new Set()
    this.#taken.set(address, places.add(place))
    this.#count++
    return {
      evicted: place.signal,
      release: () => {
        this.#remove(address, place)
      },
    }
  }

  #evict(): void {
    let most: [address: string, places: Set<AbortController>] | undefined
    for (const entry of this.#taken) if (entry[1].size > (most?.[1].size ?? 0)) most = entry
    const [address = '', places] = most ?? []
    const [oldest] = places ?? []
    if (oldest === undefined) return
    this.#remove(address, oldest)
    this.#onEvicted()
    oldest.abort()
  }

  #remove(address: string, place: AbortController): void {
    const places = this.#taken.get(address)
    if (places?.delete(place) !== true) return
    this.#count--
    if (places.size === 0) this.#taken.delete(address)
  }
}
