import { url as inspectorUrl } from 'node:inspector'
import { reasonOf, type SystemFiles } from './system-files.js'

/** Protection of the gateway's memory, as the operating system states it. Absent members have a reason. */
export interface MemoryProtection {
  /** Platform of the gateway, as Node names it. */
  readonly platform: NodeJS.Platform
  /** True while a debugger can attach to Node's inspector. */
  readonly inspector_open: boolean
  /** `piped`: a program of the host receives the core, whatever the limit of the process. */
  readonly core_dumps?: 'disabled' | 'enabled' | 'piped'
  /** `disabled`: the host has no swap, or the control group of the gateway may use none. */
  readonly swap?: 'disabled' | 'enabled'
  /** Memory of the process that is in swap now, in bytes. */
  readonly swapped_bytes?: number
  /** Memory of the process that cannot be swapped, in bytes. */
  readonly locked_bytes?: number
  /** True while another process traces the gateway. */
  readonly traced?: boolean
  /** Yama's `ptrace_scope`: 0 any process of the user may trace, 1 parents, 2 administrators, 3 none. */
  readonly ptrace_scope?: number
  /** True where the process can gain no privileges by starting another program. */
  readonly no_new_privileges?: boolean
  readonly seccomp?: 'none' | 'strict' | 'filter'
  /** The kernel's `randomize_va_space`: 0 none, 1 without the heap, 2 full. */
  readonly address_randomization?: number
  /** Reasons by absent member: a code of the system such as `ENOENT`, `unreadable`, or `not_linux`. */
  readonly absent?: Readonly<Record<string, string>>
}

type Measured = Omit<MemoryProtection, 'platform' | 'inspector_open' | 'absent'>
type Read = SystemFiles['read']
type Measurement = (read: Read) => Promise<unknown>

const SECCOMP = ['none', 'strict', 'filter'] as const

const MEASUREMENTS: Readonly<Record<keyof Measured, Measurement>> = {
  core_dumps: coreDumps,
  swap,
  swapped_bytes: async (read) => 1024 * (await statusNumber(read, 'VmSwap')),
  locked_bytes: async (read) => 1024 * (await statusNumber(read, 'VmLck')),
  traced: async (read) => (await statusNumber(read, 'TracerPid')) !== 0,
  ptrace_scope: async (read) => wholeNumber(await read('/proc/sys/kernel/yama/ptrace_scope')),
  no_new_privileges: async (read) => (await statusNumber(read, 'NoNewPrivs')) === 1,
  seccomp: async (read) => SECCOMP[await statusNumber(read, 'Seccomp')],
  address_randomization: async (read) =>
    wholeNumber(await read('/proc/sys/kernel/randomize_va_space')),
}

/**
 * Measures the protection of this process. Nothing is assumed: a member that cannot be measured is absent,
 * and `absent` has the reason.
 */
export async function measureMemoryProtection(
  { read }: SystemFiles,
  platform: NodeJS.Platform = process.platform,
): Promise<MemoryProtection> {
  const facts = { platform, inspector_open: inspectorUrl() !== undefined }
  const names = Object.keys(MEASUREMENTS) as (keyof Measured)[]
  if (platform !== 'linux') {
    return { ...facts, absent: Object.fromEntries(names.map((name) => [name, 'not_linux'])) }
  }
  const measured: Record<string, unknown> = {}
  const absent: Record<string, string> = {}
  await Promise.all(
    names.map(async (name) => {
      try {
        const value = await MEASUREMENTS[name](read)
        if (value === undefined) absent[name] = 'unreadable'
        else measured[name] = value
      } catch (error) {
        absent[name] = reasonOf(error)
      }
    }),
  )
  return { ...facts, ...measured, ...(Object.keys(absent).length > 0 ? { absent } : {}) }
}

/** A core pattern that begins with `|` names a program, which the limit of a process does not stop (core(5)). */
async function coreDumps(read: Read): Promise<MemoryProtection['core_dumps']> {
  const pattern = await read('/proc/sys/kernel/core_pattern')
  if (pattern.startsWith('|')) return 'piped'
  const limit = /^Max core file size +(\d+|unlimited)/m.exec(await read('/proc/self/limits'))?.[1]
  if (limit === undefined) return undefined
  return limit === '0' ? 'disabled' : 'enabled'
}

async function swap(read: Read): Promise<MemoryProtection['swap']> {
  const [header, ...devices] = (await read('/proc/swaps')).trim().split('\n')
  if (header?.startsWith('Filename') !== true) return undefined
  if (devices.length === 0) return 'disabled'
  return (await swapLimit(read)) === '0' ? 'disabled' : 'enabled'
}

/** Returns the limit of the control group (version 2) of this process, if it has one. */
async function swapLimit(read: Read): Promise<string | undefined> {
  try {
    const group = /^0::(\/.*)$/m.exec(await read('/proc/self/cgroup'))?.[1]
    return group === undefined
      ? undefined
      : (await read(`/sys/fs/cgroup${group}/memory.swap.max`)).trim()
  } catch {
    return undefined
  }
}

async function statusNumber(read: Read, name: string): Promise<number> {
  const status = await read('/proc/self/status')
  return wholeNumber(new RegExp(`^${name}:\\s*(\\d+)`, 'm').exec(status)?.[1] ?? '')
}

/** @throws RangeError for any other text, so that it counts as unreadable */
function wholeNumber(text: string): number {
  if (!/^\d{1,15}\s*$/.test(text)) throw new RangeError('not a whole number')
  return Number(text)
}
