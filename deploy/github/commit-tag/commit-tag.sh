#!/usr/bin/env bash
# Writes an image tag into an overlay and pushes the commit. Five workflows may do this in the same second, so a push
# that is refused starts again from the newest commit of the branch, as a rebase would, and writes the tag anew: that
# cannot end in a conflict, however close the lines are. Nothing is ever forced.
set -euo pipefail

file=$OVERLAY/kustomization.yaml
tree=$(mktemp -d)
trap 'git worktree remove --force "$tree"' EXIT

# The newTag of the one entry of `images:` with this name, wherever in the entry it stands. A sed over neighbouring
# lines would sooner or later hit the next image, or another one whose name begins alike.
write_tag() {
  awk -v name="$IMAGE" -v tag="$TAG" '
    function value(line) {
      sub(/^[ -]*[A-Za-z]+:[ \t]*/, "", line)
      sub(/[ \t]+#.*$/, "", line)
      gsub(/["\047 \t]/, "", line)
      return line
    }
    function flush(at) {
      if (named && tagged && !pinned) { sub(/newTag:[ \t]*[^ \t]+/, "newTag: " tag, lines[tagged]); written++ }
      for (at = 1; at <= count; at++) print lines[at]
      count = named = tagged = pinned = 0
    }
    /^[^ #-]/ { flush(); inside = /^images:/ }
    inside && /^ *- / { flush() }
    { lines[++count] = $0 }
    inside && /^ *(- +)?name:/ { named = value($0) == name }
    inside && /^ *(- +)?newTag:/ { tagged = count }
    inside && /^ *(- +)?digest:/ { pinned = 1 }
    END { flush(); if (written != 1) exit 1 }
  ' "$tree/$file" >"$tree/$file.new" || {
    echo "::error::$file has not exactly one entry of images named $IMAGE with a newTag and without a digest"
    exit 1
  }
  mv "$tree/$file.new" "$tree/$file"
}

git fetch --quiet --depth=1 origin "$BRANCH"
git worktree add --quiet --detach "$tree" FETCH_HEAD
for try in 1 2 3 4 5 6 7 8; do
  write_tag
  if git -C "$tree" diff --quiet; then
    echo "$file asks for $TAG already"
    break
  fi
  git -C "$tree" -c "user.name=github-actions[bot]" \
    -c "user.email=41898282+github-actions[bot]@users.noreply.github.com" \
    commit --quiet --message "$ENVIRONMENT: Deploy $SERVICE $TAG" -- "$file"
  if git -C "$tree" push --quiet origin "HEAD:refs/heads/$BRANCH"; then
    break
  fi
  if [ "$try" = 8 ]; then
    echo "::error::the branch $BRANCH moved during each of $try tries"
    exit 1
  fi
  sleep "$((RANDOM % (try + 1))).$((RANDOM % 10))" # let the others pass
  git -C "$tree" fetch --quiet --depth=1 origin "$BRANCH"
  git -C "$tree" checkout --quiet --detach FETCH_HEAD
done
echo "revision=$(git -C "$tree" rev-parse HEAD)" >>"$GITHUB_OUTPUT"
