/** What each shell runs when a user presses Tab: it asks the program, which answers as `completion.ts` says. */

/** Bash splits words at `:` and `=`, and replaces only what follows the last of them: the words are joined again, and what it does not
 *  replace is taken off. */
const bash = `# completion of replicate for bash
_replicate() {
  local program=replicate word line current cut= joined=false
  local -a words=()
  [[ $1 == */* ]] && program=\${1/#\\~/$HOME}
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD}"; do
    if [[ $word == [:=]* || $joined == true ]] && ((\${#words[@]})); then
      words[\${#words[@]} - 1]+=$word
    else
      words+=("$word")
    fi
    joined=false
    [[ $word == *[:=] ]] && joined=true
  done
  current=\${words[\${#words[@]} - 1]}
  [[ $current == *[:=]* && $COMP_WORDBREAKS == *:* ]] && cut=\${current%"\${current##*[:=]}"}
  COMPREPLY=()
  while IFS= read -r line; do
    case $line in
      :file | :directory)
        compopt -o filenames 2>/dev/null
        while IFS= read -r word; do
          COMPREPLY+=("$word")
        done < <(compgen -A "\${line#:}" -- "\${current#"$cut"}")
        ;;
      :*) ;;
      *)
        word=\${line%%$'\\t'*}
        COMPREPLY+=("\${word#"$cut"}")
        ;;
    esac
  done < <("$program" __complete -- "\${words[@]}" 2>/dev/null)
  [[ \${#COMPREPLY[@]} == 1 && $COMPREPLY == *[/:=] ]] && compopt -o nospace 2>/dev/null
  return 0
}
complete -F _replicate replicate
`

const zsh = `#compdef replicate
# completion of replicate for zsh
_replicate() {
  local line value
  local -a lines ended open
  lines=("\${(@f)$("$words[1]" __complete -- "\${(@)words[2,CURRENT]}" 2>/dev/null)}")
  for line in "\${(@)lines[2,-1]}"; do
    value="\${line%%$'\\t'*}"
    if [[ $value == *[/:=] ]]; then
      open+=("\${value//:/\\\\:}:\${line#*$'\\t'}")
    else
      ended+=("\${value//:/\\\\:}:\${line#*$'\\t'}")
    fi
  done
  (( $#ended )) && _describe -t values replicate ended
  (( $#open )) && _describe -t values replicate open -S ''
  case $lines[1] in
    :file) _files ;;
    :directory) _files -/ ;;
  esac
}
if [[ $funcstack[1] == _replicate ]]; then
  _replicate "$@"
elif (( $+functions[compdef] )); then
  compdef _replicate replicate
fi
`

const fish = `# completion of replicate for fish
function __replicate_complete
  set -l words (commandline -opc)
  set -l current (commandline -ct)
  set -l program $words[1]
  set -e words[1]
  set -l lines ($program __complete -- $words "$current" 2>/dev/null)
  switch "$lines[1]"
    case :file
      __fish_complete_path $current
    case :directory
      __fish_complete_directories $current
  end
  if test (count $lines) -gt 1
    printf '%s\\n' $lines[2..-1]
  end
end
complete -c replicate -f -a '(__replicate_complete)'
`

export const SCRIPTS = { bash, zsh, fish } as const
