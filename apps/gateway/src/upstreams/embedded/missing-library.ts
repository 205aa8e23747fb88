import { GatewayError } from '../../errors.js'

/** Version that the tests run with. */
export const LIBRARY_VERSION = '3.22.1'

const LIBRARY = 'node-llama-cpp'
/** Folder in which a command installs it. */
const OWN_FOLDER = './llama'
/** Ends of the names of builds for CPUs, and on Macs for their GPU, by platform and processor. */
const BUILDS: Readonly<Record<string, string>> = {
  'linux-x64': 'linux-x64',
  'linux-arm64': 'linux-arm64',
  'linux-arm': 'linux-armv7l',
  'linux-riscv64': 'linux-riscv64',
  'darwin-arm64': 'mac-arm64-metal',
  'darwin-x64': 'mac-x64',
  'win32-x64': 'win-x64',
  'win32-arm64': 'win-arm64',
}

/** Circumstances of an installation. */
export interface InstallTarget {
  /** As in `process.platform`. */
  readonly platform: string
  /** As in `process.arch`. */
  readonly arch: string
  /** A file of the gateway. */
  readonly file: string
}

/**
 * Returns the command that installs the library without builds for GPUs: beside a gateway that npm installed for all
 * projects, else in a folder of its own, where it changes no other packages.
 */
export function installCommand({ platform, arch, file }: InstallTarget): string {
  const build = BUILDS[`${platform}-${arch}`]
  const packages = [LIBRARY, ...(build === undefined ? [] : [`@node-llama-cpp/${build}`])]
  const place = isGlobal(file) ? '--global' : `--prefix ${OWN_FOLDER}`
  const command = ['npm install', place, '--omit=optional', '--ignore-scripts']
  return [...command, ...packages.map((name) => `${name}@${LIBRARY_VERSION}`)].join(' ')
}

/** Creates the error for a library that is not installed, or a part of it. */
export function missingLibrary(part = LIBRARY): GatewayError {
  const { platform, arch } = process
  const file = import.meta.filename
  const command = installCommand({ platform, arch, file })
  const next = isGlobal(file) ? '' : `, and --model-library ${OWN_FOLDER} finds it`
  return new GatewayError(
    'ERR_MODEL_LIBRARY',
    `--model needs ${LIBRARY}, and ${part} is not installed beside the gateway, or in the folder of --model-library. This command installs it: ${command}${next}`,
  )
}

/** Checks for a path where npm installs programs for all projects. */
const isGlobal = (file: string): boolean => /[/\\](?:lib|npm)[/\\]node_modules[/\\]/.test(file)
