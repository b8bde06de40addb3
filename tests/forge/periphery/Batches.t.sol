// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IAuditVerifier} from "../../../contracts/interfaces/IAuditVerifier.sol";
import {IBatches} from "../../../contracts/interfaces/IBatches.sol";
import {IJury} from "../../../contracts/interfaces/IJury.sol";
import {StubVerifier} from "../../../contracts/test/StubVerifier.sol";
import {Fault, JobTerms, Offer, Seat} from "../../../contracts/types/JobTypes.sol";
import {BoardWorld} from "../base/BoardWorld.sol";

/// @notice Proofs of the items of one slice among others. The tree of its outputs is built here, level by level.
contract BatchesTest is BoardWorld {
    uint256 private constant LANE = 3;
    bytes32 private constant SALT = keccak256("salt");
    bytes32 private constant RECEIPT = keccak256("receipt");
    bytes32 private constant TRACE = keccak256("trace");
    uint128 private constant FEE = 500; // of a jury

    IBatches private _batches;
    IBatches.Batch private _batch;
    bytes32 private _id;
    uint16 private _slice; // the one whose job is done
    uint16 private _begin;
    uint16 private _items;
    IBatches.Output[] private _outputs;
    bytes32[][] private _tree; // leaves first
    IBatches.Opening private _opening;
    JobTerms private _terms;
    Seat[] private _held;
    bool[] private _proven;

    function setUp() public override {
        super.setUp();
        _batches = IBatches(make("Batches", abi.encode(address(board), address(stubVerifier))));
    }

    // ---- proving

    /// @dev Ranges in any order, over one another: each item is proven by the first proof of it, and never again.
    function testFuzz_prove_eachItemOnce(uint256 seed) external {
        _open(seed);
        _paid();
        for (uint256 i = 0; i < 6; ++i) {
            (uint256 from, uint256 count) = _range(seed, i);
            bool anew;
            for (uint256 at = from; at < from + count; ++at) {
                anew = anew || !_proven[_begin + at];
            }
            vm.assertEq(_prove(_proofOf(from, count)), anew);
            for (uint256 at = from; at < from + count; ++at) {
                _proven[_begin + at] = true;
            }
            _check();
        }
    }

    /// @dev One thing of an honest proof is another; nothing is proven by it.
    function testFuzz_prove_nothingElseThanWasCommittedTo(uint256 seed, uint8 what) external {
        _open(seed);
        _paid();
        (uint256 from, uint256 count) = _range(seed, 0);
        IBatches.Proof memory proof = _proofOf(from, count);
        uint256 at = seed % count;
        what = what % 9;
        if (what == 0) proof.outputs[at].digest = keccak256(abi.encode(proof.outputs[at].digest));
        if (what == 1) proof.outputs[at].size += 1;
        if (what == 2) proof.outputs[at].size = 0;
        if (what == 3) proof.first += 1;
        if (what == 4) proof.slice += 1;
        if (what == 5) proof.nodes = _withNode(proof.nodes);
        if (what == 6) _opening.salt = keccak256("another salt");
        if (what == 7) _held[0].payee = stranger;
        if (what == 8) {
            if (proof.nodes.length == 0) proof.nodes = _withNode(proof.nodes);
            else proof.nodes[seed % proof.nodes.length] ^= bytes32(uint256(1));
        }
        vm.assertEq(_prove(proof), false);
        _check();
    }

    /// @dev Another's batch, another cut of it, or one that its lane holds no more.
    function testFuzz_prove_ofTheBatchThatTheLaneHolds(uint256 seed, uint8 what) external {
        _open(seed);
        _paid();
        if (what % 4 == 0) _batch.requester = stranger;
        if (what % 4 == 1) _batch.lane += 1;
        if (what % 4 == 2) _batch.slices[_slice].items += 1;
        if (what % 4 == 3) {
            IBatches.Slice[] memory slices = _batch.slices;
            vm.prank(requester);
            _batches.open(LANE, keccak256("another root"), slices);
        }
        vm.assertEq(_prove(_proofOf(0, 1)), false);
        _check();
    }

    // ---- earned

    /// @dev Nobody's word counts before the job is over, nor where a jury has not found for the worker.
    function testFuzz_prove_wantsAnEarnedResult(uint256 seed, uint8 said) external {
        _open(seed);
        _commitAccepted();
        vm.assertEq(_prove(_proofOf(0, 1)), false);
        IJury.Decision decision = IJury.Decision(1 + said % 3);
        coin.mint(requester, FEE);
        vm.startPrank(requester);
        coin.approve(address(escrow), FEE);
        escrow.deposit(address(acceptance), address(coin), requester, FEE);
        acceptance.reject(_terms, _held);
        vm.stopPrank();
        vm.assertEq(_prove(_proofOf(0, 1)), false);
        jury.decide(address(acceptance), board.idOf(_terms), decision);
        settle(_terms, _held);
        vm.assertEq(_prove(_proofOf(0, 1)), decision == IJury.Decision.Accuser);
    }

    /// @dev Of the audit tier: a clean audit or a confirmed re-audit, and no further than what it drew from.
    function testFuzz_prove_audited_asFarAsItWasDone(uint256 seed, uint8 done, uint8 steps, uint8 how) external {
        _open(seed);
        done = uint8(bound(done, 1, 20));
        steps = uint8(bound(steps, 1, 5));
        _commitAudited(done, steps);
        IAuditVerifier.Audit memory audit;
        audit.clean = how % 4 == 0;
        audit.reaudit = how % 4 > 1;
        audit.lastSeat = 4;
        audit.answers[2] = how % 4 == 2 ? 1 : 2;
        bytes4 asked = IAuditVerifier.auditOf.selector;
        vm.mockCall(address(stubVerifier), abi.encodeWithSelector(asked), abi.encode(audit));
        (uint256 from, uint256 count) = _range(seed, 1);
        bool earned = how % 4 == 0 || how % 4 == 2;
        bool within = from + count <= uint256(done) * steps;
        vm.assertEq(_prove(_proofOf(from, count)), earned && within);
        // As if it were a job of a tier that opens no segments.
        _opening.done = 0;
        vm.assertEq(_prove(_proofOf(from, count)), false);
        vm.clearMockedCalls();
    }

    // ---- the batch and its job

    /// @dev One to three slices of up to 20 items; one of them is the job's.
    function _open(uint256 seed) private {
        uint256 count = 1 + seed % 3;
        _slice = uint16(seed / 3 % count);
        _batch.requester = requester;
        _batch.lane = LANE;
        _batch.root = keccak256(abi.encode("items", seed));
        uint256 all;
        for (uint256 i = 0; i < count; ++i) {
            uint16 items = uint16(1 + uint256(keccak256(abi.encode(seed, i))) % 20);
            if (i < _slice) _begin += items;
            if (i == _slice) _items = items;
            all += items;
            _batch.slices.push(IBatches.Slice(keccak256(abi.encode("spec", seed, i)), items));
        }
        IBatches.Slice[] memory slices = _batch.slices;
        vm.prank(requester);
        _id = _batches.open(LANE, _batch.root, slices);
        vm.assertEq(_batches.idOf(_batch), _id);
        for (uint256 i = 0; i < all; ++i) {
            _proven.push(false);
        }
        for (uint256 i = 0; i < _items; ++i) {
            _outputs.push(IBatches.Output(uint64(1 + seed % 1000), keccak256(abi.encode("output", seed, i))));
        }
        _build();
        (_opening.salt, _opening.receiptDigest) = (SALT, RECEIPT);
    }

    function _build() private {
        bytes32[] storage leaves = _tree.push();
        for (uint256 i = 0; i < _items; ++i) {
            leaves.push(_leaf(_begin + i, _outputs[i]));
        }
        while (_tree[_tree.length - 1].length > 1) {
            bytes32[] memory below = _tree[_tree.length - 1];
            bytes32[] storage level = _tree.push();
            for (uint256 i = 0; i < below.length; i += 2) {
                bool alone = i + 1 == below.length;
                level.push(alone ? below[i] : keccak256(abi.encodePacked(uint8(1), below[i], below[i + 1])));
            }
        }
    }

    /// @dev A tensor of bytes by the item's name (domain/results.py).
    function _leaf(uint256 index, IBatches.Output memory output) private pure returns (bytes32) {
        bytes memory name = "00000000";
        for (uint256 at = 8; at > 0; --at) {
            name[at - 1] = bytes1(uint8(48 + index % 10));
            index /= 10;
        }
        return keccak256(
            abi.encodePacked(hex"0000000008", name, hex"02", "U8", hex"01", output.size, output.digest)
        );
    }

    function _result() private view returns (bytes32) {
        return keccak256(abi.encodePacked(hex"02", board.idOf(_terms), hex"00", _tree[_tree.length - 1][0]));
    }

    function _seal(bytes32 root) private view returns (bytes32) {
        return keccak256(abi.encode(board.idOf(_terms), workers[0], SALT, keccak256(abi.encode(root)), RECEIPT));
    }

    function _commit(bytes32 commitment) private {
        vm.prank(workers[0]);
        board.commit(refOf(_terms), 1, _held, commitment);
        _held[0].commitment = commitment;
    }

    function _commitAccepted() private {
        _terms = accepted();
        _terms.specDigest = _batch.slices[_slice].specDigest;
        Offer[] memory list = one(offerOf(_terms, 0, PRICE));
        vm.prank(requester);
        board.postWithOffers(_terms, list);
        _held.push(seatAt(0, PRICE));
        _commit(_seal(_result()));
    }

    /// @dev By silence.
    function _paid() private {
        _commitAccepted();
        passTime(WINDOW + 1);
        settle(_terms, _held);
    }

    /// @dev The tests' verifier stands for the audit, and pays.
    function _commitAudited(uint8 done, uint8 steps) private {
        _terms = plain();
        _terms.specDigest = _batch.slices[_slice].specDigest;
        _terms.verifierParams = bytes32(uint256(steps) << 192);
        stubVerifier.set(StubVerifier.Mood.Pay, PRICE, Fault.None, address(0));
        Seat[] memory seats = taken(_terms);
        _held.push(seats[0]);
        (_opening.traceRoot, _opening.done) = (TRACE, done);
        bytes memory root = abi.encodePacked(hex"03", board.idOf(_terms), _result(), TRACE, uint16(done));
        _commit(_seal(keccak256(root)));
        settle(_terms, _held);
    }

    // ---- proofs

    function _range(uint256 seed, uint256 salt) private view returns (uint256 from, uint256 count) {
        uint256 any = uint256(keccak256(abi.encode("range", seed, salt)));
        from = any % _items;
        count = 1 + any / 100 % (_items - from);
    }

    function _proofOf(uint256 from, uint256 count) private view returns (IBatches.Proof memory proof) {
        (proof.slice, proof.first) = (_slice, uint16(_begin + from));
        proof.outputs = new IBatches.Output[](count);
        for (uint256 i = 0; i < count; ++i) {
            proof.outputs[i] = _outputs[from + i];
        }
        uint256 to = from + count; // of the nodes that are known, level by level
        for (uint256 i = 0; _tree[i].length > 1; (i, from, to) = (i + 1, from / 2, (to + 1) / 2)) {
            if (from % 2 == 1) proof.nodes = _withNode(proof.nodes, _tree[i][from - 1]);
            if (to % 2 == 1 && to < _tree[i].length) proof.nodes = _withNode(proof.nodes, _tree[i][to]);
        }
    }

    function _withNode(bytes32[] memory nodes) private pure returns (bytes32[] memory) {
        return _withNode(nodes, keccak256("a node too many"));
    }

    function _withNode(bytes32[] memory nodes, bytes32 node) private pure returns (bytes32[] memory more) {
        more = new bytes32[](nodes.length + 1);
        for (uint256 i = 0; i < nodes.length; ++i) {
            more[i] = nodes[i];
        }
        more[nodes.length] = node;
    }

    /// @dev By a stranger. Whether it was taken.
    function _prove(IBatches.Proof memory proof) private returns (bool good) {
        bytes memory call = abi.encodeCall(IBatches.prove, (_batch, _terms, _held, _opening, proof));
        vm.prank(stranger);
        (good,) = address(_batches).call(call);
    }

    function _check() private view {
        for (uint256 i = 0; i < _proven.length; ++i) {
            vm.assertEq(_batches.isProven(_id, i), _proven[i]);
        }
    }
}
