/** The places of a worker for tasks of one run: how many run at once, and which wait until one is free. */

interface Waiting {
  readonly owner: object
  readonly size: number
  readonly answer: (mayBegin: boolean) => void
}

export class Places {
  running = 0
  #count: number
  #waiting: Waiting[] = []

  constructor(count: number) {
    this.#count = count
  }

  /** How many tasks wait. */
  get waiting(): number {
    return this.#waiting.reduce((sum, { size }) => sum + size, 0)
  }

  get hasRoom(): boolean {
    return this.running < this.#count
  }

  get count(): number {
    return this.#count
  }

  share(count: number): void {
    this.#count = count
    this.#admit()
  }

  /** True once `size` tasks may begin, together: they may be more than there are places. False where they were withdrawn. */
  enter(owner: object, size: number): Promise<boolean> {
    return new Promise((resolve) => {
      this.#waiting.push({ owner, size, answer: resolve })
      this.#admit()
    })
  }

  /** One task that was let in has ended. */
  leave(): void {
    this.running -= 1
    this.#admit()
  }

  /** What waits of this owner will not begin. */
  withdraw(owner: object): void {
    const mine = this.#waiting.filter((one) => one.owner === owner)
    if (mine.length === 0) return
    this.#waiting = this.#waiting.filter((one) => one.owner !== owner)
    for (const { answer } of mine) answer(false)
  }

  #admit(): void {
    while (this.hasRoom) {
      const first = this.#waiting.shift()
      if (!first) return
      this.running += first.size
      first.answer(true)
    }
  }
}
