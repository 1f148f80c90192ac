/** Ends a child process together with all that it has started. */

/** The child has to lead a process group of its own: it is spawned `detached`. Does nothing where it never started or has already ended. */
export function killGroup(pid: number | undefined): void {
  if (pid === undefined) return
  try {
    process.kill(-pid, 'SIGKILL')
  } catch {
    // It has already ended.
  }
}
