/** Schedules as cron jobs of Kubernetes. */

import { basename } from 'node:path'
import metadata from '../../../../package.json' with { type: 'json' }
import { argumentsOf, cronFields, type Entry, type Place, shellWord } from './entry.ts'

const CONFIG = '/etc/replicate'
const HOME = '/var/lib/replicate'

/** One a schedule. Paths are those in the pod: the files come from a config map, the history lies on a volume. */
export function cronJobs(entries: readonly Entry[], place: Place): string {
  const files = [...new Set([place.user, ...entries.map(({ policy }) => place.fileOf(policy.name))])].filter(
    (file) => file !== undefined,
  )
  const keys = new Map(files.map((file, index) => [file, keyOf(file, index)]))
  const names = namesOf(entries)
  const mounted = (file: string): string => `${CONFIG}/${keys.get(file) ?? ''}`
  const jobs = entries.map(({ policy, schedule }, index) =>
    cronJob({
      shards: place.shards,
      name: names[index] ?? '',
      policy: policy.name,
      schedule: cronFields(schedule.fields),
      timezone: schedule.timezone ?? place.timezone,
      overlap: policy.on_overlap === 'queue' ? 'Allow' : 'Forbid',
      words: argumentsOf(policy, {
        home: HOME,
        user: place.user === undefined ? undefined : mounted(place.user),
        file: mounted(place.fileOf(policy.name)),
      }),
    }),
  )
  return [...head(keys, place), ...jobs.map((job) => `---\n${job}`)].join('\n')
}

function head(keys: ReadonlyMap<string, string>, { variables, shards }: Place): readonly string[] {
  const sources = [...keys].map(([file, key]) => shellWord(`--from-file=${key}=${file}`)).join(' ')
  const literals = variables.map((name) => `--from-literal=${name}=…`).join(' ')
  return [
    `# Made by replicate ${metadata.version} for \`kubectl apply -f -\`. Before:`,
    `#   set \`image\` to one that has the program (npm install --global ${metadata.name})`,
    `#   kubectl create configmap replicate-config ${sources}`,
    ...(variables.length > 0 ? [`#   kubectl create secret generic replicate ${literals}`] : []),
    `#   a PersistentVolumeClaim \`replicate-home\`, which keeps ${shards === undefined ? 'the history' : 'a history of each part: all pods mount it (ReadWriteMany)'}`,
    '# Files that the configuration names, such as certificates and layouts, must be mounted too.',
  ]
}

interface Job {
  readonly name: string
  readonly policy: string
  readonly schedule: string
  readonly timezone: string
  readonly overlap: 'Allow' | 'Forbid'
  readonly words: readonly string[]
  readonly shards: number | undefined
}

/** JSON's strings are YAML's, too. */
function cronJob({ name, policy, schedule, timezone, overlap, words, shards }: Job): string {
  const [command, args] = shards === undefined ? [['replicate'], words] : shardCommand(words, shards)
  return `apiVersion: batch/v1
kind: CronJob
metadata:
  name: ${name}
  annotations:
    replicate/policy: ${JSON.stringify(policy)}
spec:
  schedule: ${JSON.stringify(schedule)}
  timeZone: ${JSON.stringify(timezone)}
  concurrencyPolicy: ${overlap}
  startingDeadlineSeconds: 3600
  jobTemplate:
    spec:
      backoffLimit: 0
${shards === undefined ? '' : indexed(shards)}      template:
        spec:
          restartPolicy: Never
          containers:
            - name: replicate
              image: registry.example.com/replicate:${metadata.version}
              command: ${listed(command)}
              args: ${listed(args)}
              envFrom:
                - secretRef: { name: replicate, optional: true }
              volumeMounts:
                - { name: config, mountPath: ${CONFIG}, readOnly: true }
                - { name: home, mountPath: ${HOME} }
          volumes:
            - name: config
              configMap: { name: replicate-config }
            - name: home
              persistentVolumeClaim: { claimName: replicate-home }
`
}

function listed(words: readonly string[]): string {
  return `[${words.map((word) => JSON.stringify(word)).join(', ')}]`
}

function indexed(shards: number): string {
  return `      completionMode: Indexed
      completions: ${shards}
      parallelism: ${shards}
`
}

/** Pods are counted from 0, parts from 1. Each has a history of its own, as a policy runs once at a time in one. */
function shardCommand(words: readonly string[], shards: number): readonly [readonly string[], readonly string[]] {
  const own = words.map((word) => (word === HOME ? `"${HOME}/$JOB_COMPLETION_INDEX"` : shellWord(word)))
  const line = `exec replicate ${own.join(' ')} --shard "$((JOB_COMPLETION_INDEX + 1))/${shards}"`
  return [['sh', '-c'], [line]]
}

function keyOf(file: string, index: number): string {
  const name = basename(file).replace(/[^A-Za-z0-9._-]/g, '-')
  return index === 0 ? name : `${index + 1}-${name}`
}

/** The longest that a CronJob's name may be. */
const LONGEST = 52

/** Labels as DNS has them, each once: policies may have other letters, and several schedules. */
function namesOf(entries: readonly Entry[]): readonly string[] {
  const taken = new Set<string>()
  return entries.map(({ policy }) => {
    const plain = `replicate-${policy.name.toLowerCase().replace(/[^a-z0-9-]/g, '-')}`
    for (let count = 1; ; count += 1) {
      const suffix = count === 1 ? '' : `-${count}`
      const name = plain.slice(0, LONGEST - suffix.length).replace(/-+$/, '') + suffix
      if (taken.has(name)) continue
      taken.add(name)
      return name
    }
  })
}
