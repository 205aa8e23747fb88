import { functionName, type CompletedCommand } from './words.js'

/** Renders a script for bash 3.2 and later, which does not need bash-completion. */
export function bashCompletion(program: string, commands: readonly CompletedCommand[]): string {
  return `# bash completion of ${program}
${functionName(program)}() {
  local current="\${COMP_WORDS[COMP_CWORD]}" previous="\${COMP_WORDS[COMP_CWORD-1]}"
  local path="" word index
  for ((index = 1; index < COMP_CWORD; index++)); do
    word="\${COMP_WORDS[index]}"
    case "$path $word" in
${cases(commands.filter(({ path }) => path !== '').map(({ path }) => ` ${path}`))}      path="$path $word" ;;
    esac
  done
  COMPREPLY=()
  case "$path $previous" in
${valueCases(commands)}  esac
  case "$path" in
${commands.map(wordCase).join('')}  esac
}
complete -F ${functionName(program)} ${program}`
}

const cases = (patterns: readonly string[]): string =>
  `      ${patterns.map((pattern) => `"${pattern}"`).join('|')})\n`

/** Cases of the values of options. */
function valueCases(commands: readonly CompletedCommand[]): string {
  const lines = commands.flatMap(({ path, options }) =>
    options.flatMap(({ name, value }) => {
      if (value === 'none') return []
      const reply = value === 'any' ? '' : `${value === 'path' ? PATHS : oneOf(value)}; `
      return [`    "${prefixed(path)} ${name}") ${reply}return ;;\n`]
    }),
  )
  return lines.join('')
}

function wordCase({ path, words, options, takesPaths }: CompletedCommand): string {
  const namesOf = (all: readonly { name: string }[]): string => oneOf(all.map(({ name }) => name))
  return `    "${prefixed(path)}")
      if [[ "$current" == -* ]]; then ${namesOf(options)}
      else ${takesPaths ? PATHS : namesOf(words)}; fi ;;
`
}

const oneOf = (words: readonly string[]): string =>
  `COMPREPLY=($(compgen -W "${words.join(' ')}" -- "$current"))`

const PATHS =
  'compopt -o filenames 2>/dev/null; local IFS=$\'\\n\'; COMPREPLY=($(compgen -f -- "$current"))'

const prefixed = (path: string): string => (path === '' ? '' : ` ${path}`)
