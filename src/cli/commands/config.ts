/** `replicate config`: its path, its schema, its meaning, and a file to start from. */

import { mkdir, writeFile } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { ConfigurationError, hasCode } from '../../core/errors.ts'
import type { Registry } from '../../core/registry.ts'
import { withoutUserinfo } from '../../core/secret.ts'
import { jsonDocument } from '../render/json.ts'
import { renderFields } from '../render/table.ts'
import { print, type Session } from '../session.ts'

export async function path(session: Session): Promise<number> {
  const paths = await session.parts.paths(session.options)
  print(session, paths, () => renderFields(paths, session.colors))
  return 0
}

/** JSON with and without `--json`: it is for editors. */
export async function schema(session: Session): Promise<number> {
  session.stdout.write(jsonDocument(await session.parts.schema()))
  return 0
}

export async function show(session: Session, files: readonly string[]): Promise<number> {
  const { registries, policies } = await (await session.app()).offline(files)
  const document = {
    registries: Object.fromEntries([...registries].map(([name, registry]) => [name, withoutSecrets(registry)])),
    policies: Object.fromEntries(policies.map(({ name, ...policy }) => [name, policy])),
  }
  print(session, document, () => {
    const text = renderFields(document, session.colors)
    return text === '' ? 'the configuration is empty\n' : text
  })
  return 0
}

/** Never overwrites: what a user has written is worth more than an example. */
export async function init(session: Session, file: string | undefined): Promise<number> {
  const target =
    file === undefined ? (await session.parts.paths(session.options)).configuration : resolve(session.cwd, file)
  const text = await session.parts.starterFile()
  try {
    await mkdir(dirname(target), { recursive: true })
    await writeFile(target, text, { flag: 'wx' })
  } catch (cause) {
    const exists = hasCode(cause, 'EEXIST')
    const why = exists ? 'it exists already' : cause instanceof Error ? cause.message : String(cause)
    throw new ConfigurationError(`cannot write ${target}: ${why}`, {
      cause,
      hint: exists ? 'name another file: replicate config init FILE' : undefined,
    })
  }
  print(session, { file: target }, () => (session.quiet ? '' : `wrote ${target}\n`))
  return 0
}

/** Where a secret comes from is shown by its kind; the secret, and a proxy's or URL's password, never. */
function withoutSecrets(registry: Registry): unknown {
  const { credential, url, proxy, ...rest } = registry
  return {
    ...rest,
    ...(url === undefined ? {} : { url: withoutUserinfo(url, '') }),
    ...(proxy === undefined ? {} : { proxy: withoutUserinfo(proxy, '') }),
    ...(credential === undefined
      ? {}
      : {
          credential: {
            type: credential.type,
            ...(credential.username === undefined ? {} : { username: credential.username }),
            ...(credential.password_file === undefined ? {} : { password_file: credential.password_file }),
          },
        }),
  }
}
