/** The keys of the terminal, for one prompt after the other: what was typed ahead of a question waits for it. */

export interface Listener {
  /** Every key as it is pressed, instead of lines that the terminal has let people edit. */
  readonly raw: boolean
  /** What was typed, at most up to an Enter; after an Enter nothing more until `resume`. */
  readonly take: (keys: Buffer) => void
  /** The terminal has gone, or was ended by Ctrl-D at the beginning of a line. */
  readonly gone: () => void
}

export interface Keyboard {
  /** What was typed behind the last Enter is for this prompt, too. */
  resume(): void
  end(): void
}

/** What no prompt has taken yet. There is one keyboard, so this is the process's own. */
let ahead: Buffer = Buffer.alloc(0)
/** Somebody leans on a key. */
const LONGEST = 64 * 1024

/** Only one listens at a time; `end` must be called. */
export function listen({ raw, take, gone }: Listener): Keyboard {
  const { stdin } = process
  let isHeld = false
  const give = (): void => {
    while (!isHeld && ahead.length > 0) {
      const enter = ahead.findIndex((byte) => byte === 13 || byte === 10)
      const end = enter < 0 ? ahead.length : enter + 1
      const keys = ahead.subarray(0, end)
      ahead = ahead.subarray(end)
      isHeld = enter >= 0
      take(keys)
    }
  }
  const onData = (chunk: Buffer): void => {
    ahead = Buffer.concat([ahead, chunk]).subarray(0, LONGEST)
    give()
  }
  stdin.setRawMode?.(raw)
  stdin.on('data', onData)
  stdin.once('end', gone)
  stdin.once('error', gone)
  stdin.resume()
  const first = setImmediate(give)
  return {
    resume() {
      isHeld = false
      give()
    },
    end() {
      clearImmediate(first)
      stdin.off('data', onData)
      stdin.off('end', gone)
      stdin.off('error', gone)
      stdin.pause()
      if (raw) stdin.setRawMode?.(false)
    },
  }
}
