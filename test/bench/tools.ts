/** The programs that are compared, and how each is told to do the same work. */

import { accessSync, constants, writeFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { delimiter, join } from 'node:path'
import type { Command } from './measure.ts'

/** Where to copy from and to, and what. */
export interface Work {
  /** `127.0.0.1:PORT`. */
  readonly source: string
  readonly destination: string
  readonly repositories: readonly { readonly name: string; readonly tags: readonly string[] }[]
  /** Both sides speak TLS with this authority, a PEM file. */
  readonly ca?: string | undefined
}

export interface Tool {
  readonly name: string
  /** It checks digests itself while it copies. */
  readonly hashes: boolean
  readonly ours: boolean
  /** `scratch`: a directory to write configuration to; the same for a cold run and the one after it. Undefined: it cannot do this. */
  command(work: Work, scratch: string): Command | undefined
}

const ROOT = join(import.meta.dirname, '../..')
export const ENTRY = join(ROOT, 'bin/replicate.js')
/** Where Node keeps the compiled program: the user's own place, as scratch ones would make each run the first one ever. */
const COMPILED = process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache')

export function ours(name = 'replicate', policy: Readonly<Record<string, unknown>> = {}): Tool {
  return {
    name,
    hashes: policy.verify !== 'off',
    ours: true,
    command({ source, destination, repositories, ca }, scratch) {
      const scheme = ca === undefined ? 'http' : 'https'
      const registry = (host: string) => ({ type: 'docker-registry', url: `${scheme}://${host}`, ...(ca && { ca }) })
      const tags = [...new Set(repositories.flatMap((repository) => repository.tags))]
      const copy = {
        source: { registry: 'from' },
        destination: { registry: 'to', flatten: 0 },
        // One tag is named, as the other tools are told it; all of them are found by listing.
        filters: { name: repositories.map((repository) => repository.name), ...(tags.length === 1 && { tag: tags }) },
        ...policy,
      }
      // JSON is YAML too.
      const file = join(scratch, `${name.replace(/\W/g, '-')}.yaml`)
      const content = { registries: { from: registry(source), to: registry(destination) }, policies: { copy } }
      writeFileSync(file, JSON.stringify(content))
      const args = [ENTRY, 'run', file, '--quiet', '--home', join(scratch, 'home')]
      return { file: process.execPath, args, env: { XDG_CACHE_HOME: COMPILED } }
    },
  }
}

/** What any program in Node takes for one image over plain HTTP: the floor, no rival. */
export function barePipe(hashes: boolean): Tool {
  return {
    name: `bare pipe in Node${hashes ? '' : ', unhashed'}`,
    hashes,
    ours: true,
    command({ source, destination, repositories: [repository], ca }) {
      const [tag] = repository?.tags ?? []
      if (!repository || tag === undefined || ca !== undefined) return undefined
      const how = hashes ? ['hash'] : []
      const args = [join(ROOT, 'test/bench/bare-pipe.ts'), source, destination, repository.name, tag, ...how]
      return { file: process.execPath, args }
    },
  }
}

/** The others, in the order of their tables. */
const OTHERS: readonly Tool[] = [
  other('crane', true, ({ source, destination, repositories }) =>
    repositories.map(({ name, tags }) => {
      const [what, flags] = tags.length === 1 ? [`:${tags[0]}`, ''] : ['', '-a -j 16 ']
      return `crane copy --insecure ${flags}${source}/${name}${what} ${destination}/${name}${what}`
    }),
  ),
  other('regctl', true, ({ source, destination, repositories, ca }, scratch) => {
    const tls = { tls: ca === undefined ? 'disabled' : 'insecure' }
    const config = join(scratch, 'regctl.json')
    writeFileSync(config, JSON.stringify({ hosts: { [source]: tls, [destination]: tls } }))
    return each(
      repositories,
      (name) => `REGCTL_CONFIG=${config} regctl image copy ${source}/${name} ${destination}/${name}`,
    )
  }),
  other('regsync', true, ({ source, destination, repositories, ca }, scratch) => {
    const config = join(scratch, 'regsync.yml')
    const creds = [source, destination].map((registry) => ({
      registry,
      tls: ca === undefined ? 'disabled' : 'insecure',
      reqConcurrent: 16,
    }))
    const sync = repositories.flatMap(({ name, tags }) =>
      tags.length === 1
        ? [{ source: `${source}/${name}:${tags[0]}`, target: `${destination}/${name}:${tags[0]}`, type: 'image' }]
        : [{ source: `${source}/${name}`, target: `${destination}/${name}`, type: 'repository' }],
    )
    writeFileSync(config, JSON.stringify({ version: 1, creds, defaults: { parallel: 8 }, sync }))
    return [`regsync once -c ${config}`]
  }),
  other('skopeo', true, ({ source, destination, repositories }) => {
    const flags = '--all --preserve-digests --src-tls-verify=false --dest-tls-verify=false'
    return repositories.map(({ name, tags }) =>
      tags.length === 1
        ? `skopeo --insecure-policy copy -q ${flags} docker://${source}/${name}:${tags[0]} docker://${destination}/${name}:${tags[0]}`
        : `skopeo --insecure-policy sync ${flags} --src docker --dest docker ${source}/${name} ${destination}/${name.split('/').slice(0, -1).join('/')}`,
    )
  }),
  other('ocync', false, ({ source, destination, repositories, ca }, scratch) => {
    if (ca !== undefined) return undefined
    const config = join(scratch, 'ocync.yaml')
    const registries = { from: { url: `http://${source}` }, to: { url: `http://${destination}` } }
    const mappings = repositories.map(({ name, tags }) => ({
      from: name,
      to: name,
      ...(tags.length === 1 ? { tags: { glob: tags } } : {}),
    }))
    writeFileSync(
      config,
      JSON.stringify({ registries, defaults: { source: 'from', targets: ['to'], tags: { glob: '*' } }, mappings }),
    )
    return [`ocync -q sync -c ${config}`]
  }),
  other('oras', false, ({ source, destination, repositories, ca }) => {
    const flags = ca === undefined ? '--from-plain-http --to-plain-http' : '--from-insecure --to-insecure'
    return each(repositories, (name) => `oras cp --no-tty ${flags} ${source}/${name} ${destination}/${name}`)
  }),
]

/** Those that are installed, and the names of those that are not. */
export function otherTools(): { readonly tools: readonly Tool[]; readonly missing: readonly string[] } {
  const found = (tool: Tool): boolean => binaries().some((folder) => isExecutable(join(folder, tool.name)))
  return { tools: OTHERS.filter(found), missing: OTHERS.filter((tool) => !found(tool)).map(({ name }) => name) }
}

function other(
  name: string,
  hashes: boolean,
  script: (work: Work, scratch: string) => readonly string[] | undefined,
): Tool {
  return {
    name,
    hashes,
    ours: false,
    command(work, scratch) {
      const lines = script(work, scratch)
      if (!lines) return undefined
      return { file: 'sh', args: ['-ec', lines.join('\n')], env: { PATH: binaries().join(delimiter) } }
    },
  }
}

/** One call a tag, for tools that know no more. */
function each(repositories: Work['repositories'], line: (name: string) => string): readonly string[] {
  return repositories.flatMap(({ name, tags }) =>
    tags.map((tag) => line(name).replaceAll(`/${name}`, `/${name}:${tag}`)),
  )
}

function binaries(): readonly string[] {
  return [...(process.env.PATH ?? '').split(delimiter), join(homedir(), '.local/share/replicate-test/bin')]
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}
