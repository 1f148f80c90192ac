/** Under which keys Docker and Podman file the credential of a registry. */

/** A registry, by all its names. */
export interface DockerHost {
  /** Keys of `auths` and `credHelpers` to look for as they are, the likeliest first. */
  readonly keys: readonly string[]
  /** What a helper is asked for, one after another while it knows nothing. */
  readonly servers: readonly string[]
  /** True for a key that, without scheme and path, names the registry. */
  matches(key: string): boolean
  /** What follows the host in `HOST/NAMESPACE`, by which Podman files what is for a part of the registry only; undefined for other keys. */
  partOf(key: string): string | undefined
}

/** Docker Hub is one registry with many names; the first is the one that Docker itself writes. */
const HUB_KEY = 'https://index.docker.io/v1/'
const HUB_HOSTS = ['docker.io', 'index.docker.io', 'registry-1.docker.io']

export function dockerHost(url: string): DockerHost {
  const { protocol, host, hostname, port, pathname } = new URL(url)
  const base = pathname.replace(/^\/+|\/+$/g, '')
  const hosts = HUB_HOSTS.includes(hostname) && port === '' ? HUB_HOSTS : withDefaultPort(protocol, host, port)
  const isHub = hosts === HUB_HOSTS
  return {
    keys: isHub ? [HUB_KEY, ...hosts] : hosts,
    servers: isHub ? [HUB_KEY, ...hosts] : [host, `https://${host}`, `https://${host}/v1/`, `https://${host}/v2/`],
    matches: (key) => {
      const found = hostOfKey(key)
      return found !== undefined && hosts.includes(found)
    },
    partOf: (key) => {
      const slash = key.indexOf('/')
      const isPath = slash > 0 && !TOKEN_OF_DESKTOP.test(key) && hostOfKey(key) === undefined
      if (!isPath || !hosts.includes(key.slice(0, slash).toLowerCase())) return undefined
      const path = key.slice(slash + 1).replace(/\/+$/, '')
      // The registry's own repositories begin after the path of its URL.
      if (base === '' || path === base) return path === base ? '' : path
      return path.startsWith(`${base}/`) ? path.slice(base.length + 1) : undefined
    },
  }
}

/** `reg` and `reg:443` are different keys to Docker, but one registry. */
function withDefaultPort(protocol: string, host: string, port: string): readonly string[] {
  return port === '' ? [host, `${host}:${protocol === 'http:' ? 80 : 443}`] : [host]
}

const TOKEN_OF_DESKTOP = /\/(access|refresh)-token$/

/** The host of `https://HOST/anything` and `HOST/v1/`. Undefined for `HOST/NAMESPACE`, Podman's key for a part of a registry only, and
 *  for the extra tokens that Docker Desktop writes. */
function hostOfKey(key: string): string | undefined {
  const [, scheme, host = '', path = ''] = /^(https?:\/\/)?([^/]*)(.*)$/i.exec(key) ?? []
  if (TOKEN_OF_DESKTOP.test(path)) return undefined
  if (scheme === undefined && !/^(\/(v[12]\/?)?)?$/.test(path)) return undefined
  return host.toLowerCase()
}
