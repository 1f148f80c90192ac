/** `replicate serve`: the daemon, with a line for each thing that happens. */

import type { ServeFlags } from '../options.ts'
import { serveView } from '../render/serve.ts'
import type { Session } from '../session.ts'

/** How long running tasks may take to end, in milliseconds. */
const DRAIN = 30_000

export async function serve(
  session: Session,
  files: readonly string[],
  { drain = DRAIN }: ServeFlags,
): Promise<number> {
  const app = await session.app()
  const view = serveView(session)
  await app.serve({
    files,
    drain,
    signal: session.signal,
    onReload: session.onHangup,
    listen: view,
  })
  return 0
}
