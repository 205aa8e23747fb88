import type { Command } from '../command.js'
import { INSPECT_FLAGS, inspect } from '../attest/inspect.js'
import { POLICY_INIT_FLAGS, policyInit } from '../attest/policy-init.js'
import { VERIFY_FLAGS, verify } from '../attest/verify.js'
import { ATTEST_EXIT, UsageError } from '../exit-codes.js'
import { oneLine, type Output } from '../output.js'

const HELP = `nomyo attest: what TPM evidence says, and what it is worth.

Usage
  nomyo attest inspect SOURCE [--json]
  nomyo attest verify SOURCE --policy POLICY.json [what it was made for] [--json]
  nomyo attest verify RECEIPT.json [--policy POLICY.json] [--request FILE] [--answer FILE] [--json]
  nomyo attest policy init SOURCE [--pcrs sha256:0,7,10] [--output POLICY.json]

SOURCE is a file, - for standard input, or the URL of a gateway. A file holds a saved answer (the JSON
of a chat completion with _metadata), the tpm_attestation object alone, or what GET /pki/attestation
answered. A gateway is asked with a fresh nonce, for its encryption key.

What evidence in a file was made for
  nothing to say        for a saved answer: its own payload id
  --payload-id ID       the request it answers
  --extra-data HEX      exactly these bytes
  --nonce NONCE         base64url, as sent to /pki/attestation
  --raw-payload-id      the quote carries the id itself, not its SHA-256

More for verify
  --event-log FILE      the firmware's log (binary_bios_measurements), replayed to the quoted PCRs
  --ima-log FILE        the IMA log (ascii_runtime_measurements), replayed to PCR 10
  --previous FILE       an earlier --json result: the machine must not have been restarted since
  --now TIME            judge certificates as of this time, such as 2026-11-21T12:00:00Z

For receipts, as nomyo clients write them
  --policy POLICY.json  yours, instead of the one in the receipt, which is the word of whoever wrote it
  --request FILE        JSON of the request: is it the one of the receipt?
  --answer FILE         JSON of the answer: is it the one of the receipt?
  --raw-payload-id      count quotes that carry the id itself, for servers known to make such

For gateways
  --allow-http          allow http://, for a gateway on this machine

policy init prints a policy, which is JSON.

Exit codes of verify: 0 affirming, 1 contraindicated, 2 warning or nobody vouches for the key, 3 the
command line or a file makes no sense, 4 the gateway could not be asked. A receipt without evidence for
the server key is a warning.
`

/** `nomyo attest …`: reads its arguments itself, and has exit codes of its own. */
export const attestCommand: Command = {
  about: 'shows and judges TPM evidence: inspect, verify, policy init',
  subcommands: {
    inspect: { about: 'every field by its name', ...completed(INSPECT_FLAGS) },
    verify: { about: 'judges evidence by a policy', ...completed(VERIFY_FLAGS) },
    policy: {
      about: 'init records one',
      subcommands: {
        init: { about: 'records the machine as it is now', ...completed(POLICY_INIT_FLAGS) },
      },
    },
  },
  runRaw: ({ output }, args) => attest(output, args),
}

/** What shells need to know to complete it. */
function completed(
  flags: Readonly<Record<string, 'text' | 'flag'>>,
): Pick<Command, 'options' | 'operandWords'> {
  return {
    operandWords: 'paths',
    options: Object.fromEntries(
      Object.entries(flags).map(([name, kind]) => [
        name,
        kind === 'flag' ? { about: '' } : { about: '', value: 'VALUE', isPath: true },
      ]),
    ),
  }
}

async function attest(output: Output, args: readonly string[]): Promise<number> {
  const [command, ...rest] = args
  if (command === undefined || args.includes('--help') || args.includes('-h')) {
    process.stdout.write(HELP)
    return command === undefined ? ATTEST_EXIT.usage : 0
  }
  try {
    if (command === 'inspect') return await inspect(output, rest)
    if (command === 'verify') return await verify(output, rest)
    if (command === 'policy' && rest[0] === 'init') return await policyInit(output, rest.slice(1))
    const known = 'the commands are inspect, verify and policy init'
    throw new UsageError(`unknown command ${['attest', ...args.slice(0, 2)].join(' ')}; ${known}`)
  } catch (error) {
    if (!(error instanceof UsageError)) throw error
    process.stderr.write(`nomyo: ${oneLine(error.message)}. See nomyo attest --help.\n`)
    return ATTEST_EXIT.usage
  }
}
