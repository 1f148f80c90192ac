/** `replicate mirrors export`: what makes clients pull from the gateway, or from where policies have put things. */

import { ConfigurationError } from '../../../core/errors.ts'
import { isLoopback } from '../../../core/registry.ts'
import { selectPolicies } from '../../selection.ts'
import type { Session } from '../../session.ts'
import { exportedMirrors, type MirrorFormat } from './formats.ts'
import { mirrorsOf } from './mirror.ts'

export interface MirrorFlags {
  readonly format: MirrorFormat
  /** The gateway's URL as clients know it. */
  readonly gateway?: string
}

/** Prints what is to be installed; installs nothing and contacts nothing. */
export async function exportMirrors(
  session: Session,
  targets: readonly string[],
  { format, gateway }: MirrorFlags,
): Promise<number> {
  const { offline } = await session.app()
  const { configuration, policies } = await selectPolicies({ configuration: offline }, session.cwd, targets)
  const { host, port, tls, pull_users: users } = configuration.serve
  const name = host.includes(':') ? `[${host}]` : host
  const url = gateway ?? `${tls ? 'https' : 'http'}://${name}:${port}`
  const { mirrors, notes } = mirrorsOf(policies, configuration, url)
  const [reason] = notes
  if (mirrors.length === 0) {
    const hint = 'a policy with `triggers: [{pull: true}]` has the gateway as a mirror of its whole source'
    throw new ConfigurationError(reason ?? 'none of these policies has a mirror for clients', { hint })
  }
  const { text, notes: more } = exportedMirrors(format, mirrors)
  const isThrough = mirrors.some(({ isGateway }) => isGateway)
  const own = [
    ...(isThrough && gateway === undefined && isLoopback(name)
      ? [`the gateway listens on ${name} alone: --gateway URL names it as other machines reach it`]
      : []),
    ...(isThrough && users ? ['the gateway wants a user of `pull_users`: give the clients one'] : []),
  ]
  for (const note of [...own, ...notes, ...more]) {
    session.stderr.write(`${session.errorColors.yellow('warning:')} ${note}\n`)
  }
  session.stdout.write(text)
  return 0
}
