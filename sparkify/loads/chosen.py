"""The files that a load reads of one dataset, with their source ids. There may be a million: each is held once."""

from collections.abc import Iterator, Mapping, Sequence
from typing import overload

from sparkify.sources.file import SourceFile

_Pair = tuple[int, SourceFile]


class ChosenFiles(Sequence[_Pair]):
    """Pairs of source id and file. The ids count on from the first one, and no pair is kept."""

    def __init__(self, first_source_id: int, files: Sequence[SourceFile]) -> None:
        self.source_ids = range(first_source_id, first_source_id + len(files))
        self.urls: Mapping[int, str] = _Urls(self.source_ids, files)
        self._files = files

    def __len__(self) -> int:
        return len(self._files)

    def __iter__(self) -> Iterator[_Pair]:
        return zip(self.source_ids, self._files, strict=True)

    @overload
    def __getitem__(self, place: int) -> _Pair: ...
    @overload
    def __getitem__(self, place: slice) -> list[_Pair]: ...
    def __getitem__(self, place: int | slice) -> _Pair | list[_Pair]:
        if isinstance(place, slice):
            return list(zip(self.source_ids[place], self._files[place], strict=True))
        return self.source_ids[place], self._files[place]


class _Urls(Mapping[int, str]):
    """The URL of each source id."""

    def __init__(self, source_ids: range, files: Sequence[SourceFile]) -> None:
        self._source_ids = source_ids
        self._files = files

    def __getitem__(self, source_id: int) -> str:
        if source_id not in self._source_ids:
            raise KeyError(source_id)
        return self._files[source_id - self._source_ids.start].url

    def __iter__(self) -> Iterator[int]:
        return iter(self._source_ids)

    def __len__(self) -> int:
        return len(self._source_ids)
