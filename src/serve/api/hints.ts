/** Hints are written for the command line: over HTTP they name the request that does the same. */

const SAME: readonly (readonly [RegExp, string])[] = [
  [/\breplicate executions list\b/g, 'GET /api/replication/executions'],
  [/\breplicate executions (?:watch|show) (\d+)/g, 'GET /api/replication/executions/$1'],
  [/\breplicate executions (stop|pause|resume|retry) (\d+)/g, 'PUT /api/replication/executions/$2 {"operation": "$1"}'],
  [/\breplicate credentials set ([\w.-]*\w)/g, 'PUT /api/registries/$1 with its `credential`'],
  [/\breplicate adapters list\b/g, 'GET /api/replication/adapters'],
  [/\breplicate plan --explain\b/g, 'POST /api/replication/policies/preview'],
  [/\breplicate plan(?: --out)?(?=\W|$)/g, 'POST /api/replication/policies/preview?plan=true'],
  [/\breplicate run(?: [\w-]+\.yaml)?(?=\W|$)/g, 'POST /api/replication/executions'],
  [/\brun the command again\b/g, 'send the request again'],
  [/\bwait for it with --wait, /g, ''],
]

/** As it is where it names no command. */
export function hintOverHttp(hint: string): string
export function hintOverHttp(hint: string | undefined): string | undefined
export function hintOverHttp(hint: string | undefined): string | undefined {
  return hint && SAME.reduce((text, [command, request]) => text.replace(command, request), hint)
}
