/** The form of a configuration file, defined once: it checks, gives the types, and makes the editors' JSON Schema. */

import { z } from 'zod'
import { EVENT_KINDS } from '../core/policy.ts'
import { ROLES } from '../core/role.ts'
import { filtersSchema } from './filters.ts'
import {
  amount,
  choice,
  count,
  duration,
  either,
  filled,
  flag,
  formed,
  list,
  mapping,
  rate,
  share,
  text,
} from './values.ts'
import { workersSchema } from './workers.ts'

/** What registries and policies may be called. */
export const NAME = /^[a-zA-Z0-9][a-zA-Z0-9._-]*$/

/** How a configuration is parsed: it is read once, which is not worth the code that zod would make for it. */
export const ONCE = { jitless: true } as const

const credential = mapping(
  {
    type: choice('What kind of credential', [
      'basic',
      'token',
      'access_key',
      'service_account',
      'aws',
      'google',
      'azure',
      'anonymous',
    ]),
    username: filled('The user').exactOptional(),
    password: filled('The password, as an environment variable').exactOptional(),
    password_file: filled('A file that holds the secret, relative to this file').exactOptional(),
    token: filled('A bearer token, as an environment variable').exactOptional(),
  },
  'Where the credential comes from; without it the keychain and the files of Docker and Podman are asked',
)

const limits = mapping(
  {
    connections: count('Open connections to this host', 1, 1024).exactOptional(),
    requests_per_second: amount('Requests a second to this host').exactOptional(),
    bandwidth: rate('Bytes a second from and to this host').exactOptional(),
    rate_limit_reserve: count(
      "Stop taking from the registry's allowance when this many pulls are left",
      0,
    ).exactOptional(),
    rate_limit: choice('What to do when only the reserve is left', ['wait', 'fail']).exactOptional(),
    idle: duration(
      'How long a blob of this registry may stay silent while its connection lives; default 5m',
    ).exactOptional(),
  },
  'How gently this registry is treated',
)

export const registrySchema = mapping(
  {
    type: filled('An identity from `replicate adapters list`'),
    url: formed(
      'Where it answers; `http://` means plain HTTP',
      /^https?:\/\/[^\s/]+(\/[^\s?#]*)?$/,
      'a URL such as `https://registry.example.com`',
    ).exactOptional(),
    path: filled(
      'A directory or a tar of OCI layout, or a tar of `docker save`, relative to this file',
    ).exactOptional(),
    description: text('For people').exactOptional(),
    insecure: flag('Skip the check of its certificate', false),
    ca: filled('A PEM file of extra trust, relative to this file').exactOptional(),
    client_cert: filled('A PEM file for mutual TLS, relative to this file').exactOptional(),
    client_key: filled('Its key, relative to this file').exactOptional(),
    proxy: formed(
      'A proxy, instead of the one in the environment; `http://` may be left out',
      /^(https?:\/\/)?(?!\w+:\/\/)(.*@)?[^\s/@]+\/?$/,
      'an address such as `http://proxy.example.com:3128`',
    ).exactOptional(),
    user_agent: formed(
      'What its requests call this program, instead of `replicate/VERSION`',
      /^[!-~]([ -~]{0,254}[!-~])?$/,
      'a product such as `acme-mirror/1`, in ASCII',
    ).exactOptional(),
    credential: credential.exactOptional(),
    limits: limits.exactOptional(),
    allow_addresses: list(
      'What this registry may name as its token server, storage or upload although only this machine reaches it',
      formed(
        'An address',
        /^(\[[\da-f:.]+\]|[\da-f]*:[\da-f:.]+|[\w.-]+)(\/\d{1,3})?(:\d{1,5})?$/i,
        'a host, an address or a network, with a port if need be, such as `127.0.0.1:8081`',
      ),
    ).exactOptional(),
    hook_secret: filled(
      'What its webhooks prove themselves with, as an environment variable; `none`: anybody may send them',
    ).exactOptional(),
    options: z
      .record(z.string(), z.union([z.string(), z.array(z.string()), z.record(z.string(), z.string())]))
      .meta({ description: 'What only this type of registry has: see `replicate adapters show`' })
      .exactOptional(),
  },
  'An endpoint',
)

const pattern = z.string()

const source = mapping(
  {
    registry: filled('The name of a registry, or a host'),
    namespaces: list(
      'Exact names or patterns; without it every namespace the credential sees',
      pattern,
    ).exactOptional(),
  },
  'Where from',
)

const destination = mapping(
  {
    registry: filled('The name of a registry, or a host'),
    namespace: text(
      'Where repositories land; without it in the namespace they come from; empty: at the top, without their first part',
    ).exactOptional(),
    flatten: z
      .enum(['0', '1', '2', '3', 'all'])
      .transform((value) => (value === 'all' ? value : Number(value)))
      .meta({
        description:
          'How many leading path parts the namespace replaces, by default 1; without a namespace they are stripped',
        type: ['integer', 'string'],
        enum: [0, 1, 2, 3, 'all'],
      })
      .exactOptional(),
    create: flag('Create missing namespaces', true),
    public: flag('The visibility of a namespace or repository that is created, where the registry has one', false),
  },
  'Where to',
)

const trigger = mapping(
  {
    schedule: filled(
      'Cron with 5 fields, or 6 with seconds first; also @hourly, @daily, @weekly, @monthly',
    ).exactOptional(),
    timezone: filled('Of the schedule, such as Europe/Berlin').exactOptional(),
    catch_up: duration(
      'Of the schedule: a time that passed while `serve` was down is made up for if it is no older; default 1h',
    ).exactOptional(),
    event: list(
      "What a registry's webhook tells: a push, a delete, a new scan result, new labels",
      z.enum(EVENT_KINDS),
    ).exactOptional(),
    poll: duration(
      'How often the source is asked what has changed, for registries that send no events',
    ).exactOptional(),
    pull: either("A client's pull through `serve` brings what it asks for").exactOptional(),
    max_age: duration(
      'Of `pull`: how long a tag counts as fresh before the source is asked again; default 1m',
    ).exactOptional(),
  },
  'When, besides by hand: one of `schedule`, `event`, `poll` and `pull`',
)

const channel = {
  webhook: filled('A URL that is sent a CloudEvent').exactOptional(),
  secret: filled('What signs it, as an environment variable').exactOptional(),
  slack: filled('The URL of an incoming webhook of Slack, or alike, as an environment variable').exactOptional(),
  exec: z.array(z.string()).min(1, 'it is empty').meta({ description: 'A command and its arguments' }).exactOptional(),
}

const notification = mapping(
  { on: list('After which end', z.enum(['failed', 'succeeded', 'stopped'])), ...channel },
  'Who is told',
)

export const policySchema = mapping(
  {
    description: text('For people').exactOptional(),
    enabled: flag('`false`: no trigger starts it', true),
    scope: choice('Whether it belongs to the one namespace that it lists', ['system', 'namespace']).default('system'),
    source: z.union([z.string(), source]).meta({
      description: 'REGISTRY[/PATH[:TAG][@DIGEST]], `oci:DIR`, `tar:FILE`, `docker-archive:FILE`, or a mapping',
    }),
    destination: z
      .union([z.string(), destination, z.array(z.union([z.string(), destination]))])
      .meta({ description: 'REGISTRY[/NAMESPACE], `oci:DIR`, `tar:FILE`, or a mapping' }),
    filters: filtersSchema.prefault({}),
    order: choice('Which tag of a repository goes first', ['oldest', 'newest']).default('oldest'),
    on_overlap: choice('When it is still running', ['skip', 'queue']).default('skip'),
    allow_empty: flag('A selection that matches nothing is not an error', false),
    foreign_layers: flag('Copy non-distributable layers too', false),
    verify: choice('What is checked after the copy', ['off', 'digest', 'full']).default('digest'),
    referrers: z
      .enum(['true', 'false', 'all'])
      .transform((value) => (value === 'all' ? value : value === 'true'))
      .meta({
        description:
          'Signatures, attestations and SBOMs travel with their image; `all`: every run also looks for later ones',
        type: ['boolean', 'string'],
        enum: [true, false, 'all'],
        default: true,
      })
      .default(true),
    override: flag('`false`: a destination tag that differs is kept', true),
    missing: choice(
      'What a name or a tag without wildcards that the source lacks is: a failure (default), or a warning',
      ['fail', 'warn'],
    ).exactOptional(),
    deletion: choice('What happens to what is gone from the source', ['never', 'events', 'owned', 'mirror']).default(
      'never',
    ),
    max_deletions: share(
      "How much `owned` and `mirror` delete at most: a share of the destination's tags, or a number",
    ).exactOptional(),
    with_images: either(
      'Charts bring the images that they name, found by `helm template`, or in their values where there is no Helm',
    ).exactOptional(),
    values: list(
      'Files of values that charts are rendered with to find their images, relative to this file; the last counts most',
      filled('A file'),
    ).exactOptional(),
    triggers: z.array(trigger).default([]).meta({ description: 'When, besides by hand' }),
    retry: mapping(
      {
        attempts: count('How often a task is tried', 1, 100).default(3),
        delay: duration('Before the second attempt; doubled after each').default(120_000),
      },
      'Of a task, after the retries of its requests gave up',
    ).prefault({}),
    prepare: mapping(
      {
        handler: filled('A path on the destination, or a URL'),
        abort_on: list('Statuses that end the execution', count('A status', 100, 599)).exactOptional(),
      },
      'Called before any byte moves',
    ).exactOptional(),
    notify: z.array(notification).meta({ description: 'Who is told how it ended' }).exactOptional(),
  },
  'What goes from where to where, when, and how gently',
)

/** What `replicate serve` is told beside its policies. */
export const serveSchema = mapping(
  {
    listen: formed(
      'Where it answers; default 127.0.0.1:7080. Anything but loopback needs `tls`, or `behind_proxy`',
      /^(\[[\da-f:]+\]|[\w.-]+)?:\d{1,5}$/i,
      'an address and a port such as `127.0.0.1:7080`',
    ).default('127.0.0.1:7080'),
    tls: mapping(
      {
        cert: filled('A PEM file with its certificate and those above it, relative to this file'),
        key: filled('A PEM file with its key, relative to this file'),
      },
      'What it shows its clients',
    ).exactOptional(),
    behind_proxy: flag('A proxy before it ends TLS: it may listen elsewhere than on loopback without `tls`', false),
    settle: duration('Events of one artifact that come within this time are one').default(2000),
    health_interval: duration('How often each registry is checked').default(60_000),
    max_executions: count('How many executions run at once; the others wait in order', 1, 1000).default(4),
    history: mapping(
      {
        keep: count('How many executions of each policy are kept', 1).exactOptional(),
        older_than: duration('How old an execution is when it is deleted').exactOptional(),
      },
      'What is kept of executions that have ended; without it everything',
    ).exactOptional(),
    tokens: z
      .array(
        mapping(
          {
            name: formed('Who uses it', /^[\w.@-]{1,100}$/, 'a name of letters, digits, `.`, `_`, `@` and `-`'),
            token: filled('The token, as an environment variable'),
            role: z
              .enum(ROLES)
              .meta({ description: 'What its holder may do: each role may do all of those before it' }),
            namespaces: list(
              'The namespaces that a maintainer may write policies for',
              filled('A namespace'),
            ).exactOptional(),
          },
          'A token',
        ),
      )
      .meta({ description: 'Who may use the API and the page; without it a token is made for users of this machine' })
      .exactOptional(),
    pull_users: z
      .array(
        mapping(
          {
            name: formed('Who pulls', /^[^:\s]{1,100}$/, 'a name without `:` and spaces'),
            password: filled('The password, as an environment variable'),
            policies: list(
              'The policies through which that user may pull; without it all',
              filled('A policy'),
            ).exactOptional(),
          },
          'A user',
        ),
      )
      .meta({ description: 'Who may pull; without it anyone on this machine, and no one else' })
      .exactOptional(),
    notify: z
      .array(
        mapping(
          { on: list('After which change of a registry', z.enum(['unhealthy', 'healthy'])), ...channel },
          'Who is told',
        ),
      )
      .meta({ description: 'Who is told when a registry becomes unhealthy, or healthy again' })
      .exactOptional(),
  },
  'How `replicate serve` works',
)

const name = z.string().regex(NAME)

export const configurationSchema = z.strictObject({
  registries: z.record(name, registrySchema).meta({ description: 'Endpoints by name' }).exactOptional(),
  policies: z.record(name, policySchema).meta({ description: 'Policies by name' }).exactOptional(),
  serve: serveSchema.exactOptional(),
  workers: workersSchema.exactOptional(),
})

export type RegistryInput = z.output<typeof registrySchema>
export type PolicyInput = z.output<typeof policySchema>
export type ServeInput = z.output<typeof serveSchema>

/** What editors use to check and complete a file. */
export function jsonSchema(): Record<string, unknown> {
  return {
    ...z.toJSONSchema(configurationSchema, { io: 'input', target: 'draft-7' }),
    title: 'Configuration of replicate',
    patternProperties: { '^x-': { description: 'Your own place, such as for anchors' } },
  }
}
