/** Waits for the queue's server no longer than that is worth: commands to one that is away are held back for as long as it is. */

/** Fulfilled when the work has ended, however it did, or the time is over. */
export async function atMost(milliseconds: number, work: () => Promise<unknown>): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  const over = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, milliseconds)
  })
  const ended = work().then(
    () => {},
    () => {},
  )
  await Promise.race([ended, over])
  clearTimeout(timer)
}
